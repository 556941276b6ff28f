import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.app_passwords import create_app_password, md5_of, reader_and_app_password
from accounts.models import AppPassword, Reader
from library.formats import FORMATS, PREFERENCE
from reading.models import Recount, StalePayload
from web.words import FORMAT_HINTS
from web.words import FORMATS as FORMAT_NAMES

CREATE = "/settings/app-passwords"
USUAL = " ".join(PREFERENCE)


@pytest.fixture
def page(client: Client, ada: Reader) -> Client:
    """Ada's browser."""
    client.force_login(ada)
    return client


def shown(page: Client, address: str = "/settings") -> str:
    answer = page.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def order(text: str) -> list[str]:
    return re.findall(r'name="up" value="([^"]+)"', text)


def test_a_new_app_password_is_shown_once_and_works(page: Client, ada: Reader) -> None:
    answer = page.post(CREATE, {"label": "  Kobo,\nblack "})
    text = answer.content.decode()
    [password] = re.findall(r'<p class="password"><code class="copy">([a-z]{12})</code>', text)
    assert reader_and_app_password("ada", md5_of(password), now=timezone.now()) == (ada, True)
    assert answer["Cache-Control"] == "no-store"
    for words in (
        "Kobo, black",
        "http://testserver/kosync",
        "http://testserver/opds",
        "http://testserver/opds/v2",
        ">ada<",
    ):
        assert words in text
    later = shown(page)
    assert password not in later
    assert "Kobo, black" in later


def test_the_addresses_are_those_under_which_the_server_is_known(page: Client, settings: Any) -> None:
    settings.PUBLIC_URL = "https://books.example.org"
    text = shown(page)
    assert "https://books.example.org/kosync" in text
    assert "testserver" not in text


@pytest.mark.parametrize(
    ("label", "sentence", "kept"),
    [("", "Give it a label", ""), (" \n\0", "Give it a label", ""), ("a<" * 51, "102 characters long", "a&lt;" * 51)],
)
def test_a_label_that_is_missing_or_too_long_is_said_and_stays(
    page: Client, label: str, sentence: str, kept: str
) -> None:
    answer = page.post(CREATE, {"label": label})
    assert answer.status_code == 400
    assert sentence in answer.content.decode()
    assert f'name="label" value="{kept}"' in answer.content.decode()
    assert not AppPassword.objects.exists()


def test_revoking_asks_first(page: Client, ada: Reader) -> None:
    create_app_password(ada, label="Kobo <b>")
    password = ada.app_passwords.get()
    assert f'href="{CREATE}/{password.pk}/revoke"' in shown(page)
    assert "Revoke “Kobo &lt;b&gt;”?" in shown(page, f"{CREATE}/{password.pk}/revoke")
    password.refresh_from_db()
    assert password.revoked_at is None
    assert page.post(f"{CREATE}/{password.pk}/revoke")["Location"] == "/settings"
    assert "The app password “Kobo &lt;b&gt;” is revoked." in shown(page)
    assert "There are none yet." in shown(page)
    password.refresh_from_db()
    assert password.revoked_at is not None
    assert page.post(f"{CREATE}/{password.pk}/revoke").status_code == 404


def test_one_without_a_label_can_be_revoked_too(page: Client, ada: Reader) -> None:
    create_app_password(ada)
    assert "Without a label" in shown(page)
    page.post(f"{CREATE}/{ada.app_passwords.get().pk}/revoke")
    assert not ada.app_passwords.filter(revoked_at=None).exists()


def test_it_says_when_each_was_last_used_by_the_readers_clock(page: Client, ada: Reader) -> None:
    create_app_password(ada, label="Kobo")
    assert "never used" in shown(page)
    ada.app_passwords.update(last_used_at="2026-05-01T22:30:00Z")
    assert "last used on 2 May 2026, 00:30" in shown(page)


def test_a_stranger_neither_sees_nor_revokes_it(page: Client, ada: Reader, bob: Reader) -> None:
    create_app_password(ada, label="Kobo")
    password = ada.app_passwords.get()
    stranger = Client()
    stranger.force_login(bob)
    assert "Kobo" not in re.sub(r'placeholder="[^"]*"|hint">[^<]*', "", shown(stranger))
    for answer in (stranger.get(f"{CREATE}/{password.pk}/revoke"), stranger.post(f"{CREATE}/{password.pk}/revoke")):
        assert answer.status_code == 404
        assert "There is no such app password." in answer.content.decode()
    password.refresh_from_db()
    assert password.revoked_at is None


def test_every_format_has_a_name_that_people_know() -> None:
    assert set(FORMAT_NAMES) == set(FORMAT_HINTS) == set(FORMATS)


def test_a_format_moves_one_place_and_back(page: Client, ada: Reader) -> None:
    assert order(shown(page)) == list(PREFERENCE)
    assert "This is the usual order." in shown(page)
    answer = page.post("/settings/formats", {"order": USUAL, "up": "cbz"})
    assert answer["Location"] == "/settings#formats"
    ada.refresh_from_db()
    assert ada.formats == ["epub", "cbz", "kepub.epub", "pdf", "mobi", "azw3", "cbr"]
    text = shown(page)
    assert order(text) == ada.formats
    assert "in this order of formats from now on" in text
    page.post("/settings/formats", {"order": " ".join(ada.formats), "down": "cbz"})
    ada.refresh_from_db()
    assert ada.formats == []  # the usual order is none of the reader's own


def test_the_usual_order_can_be_had_again(page: Client, ada: Reader) -> None:
    page.post("/settings/formats", {"order": USUAL, "down": "epub"})
    assert "Back to the usual order" in shown(page)
    page.post("/settings/formats", {"order": "anything", "reset": "1"})
    ada.refresh_from_db()
    assert ada.formats == []


@pytest.mark.parametrize("sent", [{"up": "epub"}, {"down": "cbr"}])
def test_the_first_and_the_last_stay_where_they_are(page: Client, ada: Reader, sent: dict[str, str]) -> None:
    page.post("/settings/formats", {"order": USUAL, **sent})
    assert order(shown(page)) == list(PREFERENCE)


@pytest.mark.parametrize(
    "sent",
    [
        {"order": "docx epub", "up": "epub"},
        {"order": USUAL, "up": "docx"},
        {"order": "\0", "down": "<b>"},
        {"order": USUAL},
        {},
    ],
)
def test_a_format_that_there_is_not_is_said_and_nothing_is_lost(
    page: Client, ada: Reader, sent: dict[str, str]
) -> None:
    ada.formats = ["pdf", "cbz"]
    ada.save()
    answer = page.post("/settings/formats", sent)
    text = answer.content.decode()
    assert answer.status_code == 400
    assert "there are epub, kepub.epub, cbz, pdf, mobi, azw3, cbr. The order is as it was." in text
    assert "<b>" not in text
    assert order(text)[:3] == ["pdf", "cbz", "epub"]
    ada.refresh_from_db()
    assert ada.formats == ["pdf", "cbz"]


@pytest.mark.parametrize("address", [CREATE, "/settings/formats", CREATE + "/1/revoke"])
def test_another_site_can_set_nothing(ada: Reader, address: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ada)
    assert strict.post(address, {"label": "x", "order": USUAL, "up": "pdf"}).status_code == 403
    ada.refresh_from_db()
    assert ada.formats == []
    assert not AppPassword.objects.exists()


@pytest.mark.parametrize("address", [CREATE, "/settings/formats"])
def test_who_logs_in_again_in_between_is_led_to_the_settings(page: Client, address: str) -> None:
    assert page.get(address)["Location"] == "/settings"
    assert Client().post(address)["Location"] == f"/login?next={address}"


# --- The reader's day -------------------------------------------------------------------------------------------------

DAY = "/settings/day"
GOALS = "/settings/goals"


def chosen(text: str, name: str) -> list[str]:
    [options] = re.findall(rf'<select name="{name}">(.*?)</select>', text, re.DOTALL)
    return re.findall(r'value="([^"]+)" selected', options)


def test_the_day_begins_where_the_reader_says(
    page: Client, ada: Reader, enqueued: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    text = shown(page)
    assert (chosen(text, "timezone"), chosen(text, "rollover_hour")) == (["Europe/Berlin"], ["0"])
    assert '<optgroup label="America">' in text
    assert ">Argentina, Buenos Aires</option>" in text
    with django_capture_on_commit_callbacks(execute=True):
        answer = page.post(DAY, {"timezone": "Asia/Kolkata", "rollover_hour": "4"})
    assert answer["Location"] == "/settings#day"
    assert enqueued == ["reading.refresh"]
    ada.refresh_from_db()
    assert (ada.timezone, ada.rollover_hour) == ("Asia/Kolkata", 4)
    text = shown(page)
    assert (chosen(text, "timezone"), chosen(text, "rollover_hour")) == (["Asia/Kolkata"], ["4"])
    assert "Your days are counted anew." in text


def test_the_same_again_counts_nothing_anew(page: Client, enqueued: list[str]) -> None:
    page.post(DAY, {"timezone": "Europe/Berlin", "rollover_hour": "0"})
    assert enqueued == []
    assert "Your days are counted anew." not in shown(page)


def test_it_says_how_far_the_counting_anew_is(page: Client, ada: Reader) -> None:
    assert 'id="recount" data-running="false" hidden' in shown(page)
    Recount.objects.create(reader=ada, begun_at=timezone.now(), days=200, done=50, before_day="2026-05-01")
    text = shown(page)
    assert 'id="recount" data-running="true">' in text
    assert "50 of 200 are done." in text
    assert '<progress value="25" max="100"' in text


def test_a_zone_that_no_list_has_stays_chosen(page: Client, ada: Reader) -> None:
    Reader.objects.filter(pk=ada.pk).update(timezone="CET")
    assert chosen(shown(page), "timezone") == ["CET"]


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"timezone": "Europe/Atlantis<b>", "rollover_hour": "4"}, "There is no time zone"),
        ({"timezone": "Asia/Kolkata", "rollover_hour": "24"}, "from 0 to 23"),
        ({"timezone": "Asia/Kolkata", "rollover_hour": "-1"}, "from 0 to 23"),
        ({"timezone": "Asia/Kolkata", "rollover_hour": "²"}, "from 0 to 23"),
        ({"timezone": "Asia/Kolkata"}, "Choose a time zone"),
        ({}, "Choose a time zone"),
    ],
)
def test_a_day_that_cannot_be_is_said_and_nothing_is_changed(
    page: Client, ada: Reader, sent: dict[str, str], sentence: str
) -> None:
    answer = page.post(DAY, sent)
    text = answer.content.decode()
    assert answer.status_code == 400
    assert sentence in text
    assert "Nothing was changed." in text
    assert "<b>" not in text
    if sent.get("timezone") == "Asia/Kolkata":
        assert chosen(text, "timezone") == ["Asia/Kolkata"]
    ada.refresh_from_db()
    assert (ada.timezone, ada.rollover_hour) == ("Europe/Berlin", 0)


# --- Goals ------------------------------------------------------------------------------------------------------------


def test_goals_are_kept_and_an_empty_field_is_none(
    page: Client, ada: Reader, enqueued: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer = page.post(GOALS, {"minutes_a_day": " 30 ", "books_a_year": ""})
    assert answer["Location"] == "/settings#goals"
    assert enqueued == ["reading.refresh"]
    ada.refresh_from_db()
    assert (ada.goal_minutes_a_day, ada.goal_books_a_year) == (30, None)
    assert StalePayload.objects.filter(reader=ada).exists()
    assert 'name="minutes_a_day" inputmode="numeric" value="30"' in shown(page)
    assert 'name="books_a_year" inputmode="numeric" value=""' in shown(page)
    page.post(GOALS, {})
    ada.refresh_from_db()
    assert ada.goal_minutes_a_day is None


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"minutes_a_day": "0", "books_a_year": "12"}, "from 1 to 1440 minutes"),
        ({"minutes_a_day": "1441", "books_a_year": "12"}, "from 1 to 1440 minutes"),
        ({"minutes_a_day": "30", "books_a_year": "1001"}, "from 1 to 1000 books"),
        ({"minutes_a_day": "an hour", "books_a_year": "12"}, "Minutes a day are a whole number."),
        ({"minutes_a_day": "30", "books_a_year": "1.5"}, "Books a year are a whole number."),
    ],
)
def test_a_goal_that_cannot_be_is_said_and_what_was_typed_stays(
    page: Client, ada: Reader, sent: dict[str, str], sentence: str
) -> None:
    answer = page.post(GOALS, sent)
    text = answer.content.decode()
    assert answer.status_code == 400
    assert sentence in text
    for name, value in sent.items():
        assert f'name="{name}" inputmode="numeric" value="{value}"' in text
    ada.refresh_from_db()
    assert (ada.goal_minutes_a_day, ada.goal_books_a_year) == (None, None)


@pytest.mark.parametrize("address", [DAY, GOALS])
def test_day_and_goals_are_set_by_their_readers_forms_alone(ada: Reader, page: Client, address: str) -> None:
    sent = {"timezone": "Asia/Kolkata", "rollover_hour": "4", "minutes_a_day": "30", "books_a_year": "3"}
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ada)
    assert strict.post(address, sent).status_code == 403
    assert page.get(address)["Location"] == "/settings"
    assert Client().post(address, sent)["Location"] == f"/login?next={address}"
    ada.refresh_from_db()
    assert (ada.timezone, ada.goal_books_a_year) == ("Europe/Berlin", None)
