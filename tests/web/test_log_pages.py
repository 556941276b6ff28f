"""The log of sessions as pages: looked through, trimmed, deleted, taken back, added to."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.devices import DeviceClue
from accounts.models import Reader
from library.models import Book
from reading.edits import delete_session, trim_session
from reading.files import FileReport
from reading.models import Session, StatsPayload
from reading.refreshing import refresh
from tests.reported import report_session
from tests.web.shelves import put_book

LOG = "/stats/sessions"
EVENING = datetime(2026, 5, 1, 18, tzinfo=UTC)  # eight by Ada's clock
KOBO, KINDLE = DeviceClue("kobo-1", "Kobo"), DeviceClue("kindle-1", "Kindle")
Read = Callable[..., int]


@pytest.fixture
def page(client: Client, ada: Reader) -> Client:
    """Ada's browser."""
    client.force_login(ada)
    return client


@pytest.fixture
def strange_page(bob: Reader) -> Client:
    stranger = Client()
    stranger.force_login(bob)
    return stranger


@pytest.fixture
def read(ada: Reader, book: Book) -> Read:
    """Ada's device reports a session: `read(EVENING, 30)` is half an hour; gives its id."""

    def report(start: datetime, length: float, *, device: DeviceClue = KOBO, reader: Reader = ada, **more: Any) -> int:
        return report_session(reader, start, length, device=device, **({"book_id": book.pk} | more))

    return report


def shown(page: Client, address: str = LOG, status: int = 200) -> str:
    answer = page.get(address)
    assert answer.status_code == status
    return words(answer)


def words(answer: Any) -> str:
    return re.sub(r"\s+", " ", unescape(answer.content.decode()))


def listed(text: str) -> list[int]:
    return [int(found) for found in re.findall(r'class="button quiet" href="/stats/sessions/(\d+)"', text)]


def total_seconds() -> int:
    refresh()
    seconds: int = json.loads(StatsPayload.objects.get().body)["totals"]["all"]["seconds"]
    return seconds


# --- The log ----------------------------------------------------------------------------------------------------------


def test_sessions_stand_under_their_days_by_the_readers_clock(page: Client, read: Read, book: Book) -> None:
    late = read(EVENING + timedelta(hours=3, minutes=30), 45, pages_turned=20)
    early = read(EVENING, 30, timezone="Asia/Tokyo")
    text = shown(page)
    assert listed(text) == [late, early]
    assert "Saturday, 2 May 2026" in text
    assert "1 May, 23:30 – 00:15" in text
    assert "Friday, 1 May 2026" in text
    assert "20:00 – 20:30" in text
    assert "03:00 in Asia/Tokyo" in text
    assert text.count(" in Asia/Tokyo") == 1
    assert f'href="/stats/books/{book.pk}">A Study in Scarlet</a>' in text
    assert "45 min" in text
    assert "20 pages" in text
    assert "Times are those of Europe/Berlin" in text


def test_what_another_session_covers_is_said(page: Client, read: Read) -> None:
    read(EVENING, 60)
    read(EVENING + timedelta(minutes=45), 30, device=KINDLE)
    read(EVENING + timedelta(minutes=10), 20, device=KINDLE)
    text = shown(page)
    assert "15 min counted: another session covers the rest" in text
    assert "0 min counted: another session covers it" in text
    assert text.count(" counted:") == 2


def test_a_file_that_is_no_book_is_shown_by_its_title(page: Client, read: Read) -> None:
    read(EVENING, 30, book_id=None, file=FileReport("scan0001.epub", title="Emma <b>"))
    text = page.get(LOG).content.decode()
    assert "Emma &lt;b&gt;" in text
    assert "scan0001" not in text
    assert "Counts once its book is in the library" in text


def test_an_empty_log_says_how_to_fill_it(page: Client) -> None:
    text = shown(page)
    assert "There are no sessions yet" in text
    assert 'href="/stats/import"' in text
    assert "There are no such sessions." in shown(page, f"{LOG}?source=hand")


def test_the_form_narrows_and_keeps_what_it_was_given(page: Client, read: Read, ada: Reader, book: Book) -> None:
    plain, other = read(EVENING, 30), read(EVENING + timedelta(days=1), 30, device=KINDLE)
    waiting = read(EVENING + timedelta(days=2), 30, book_id=None, file=FileReport("scan.epub"))
    idle, gone = read(EVENING + timedelta(days=3), 9 * 60), read(EVENING + timedelta(days=5), 30)
    delete_session(ada, gone)
    kindle = ada.devices.get(name="Kindle")
    assert listed(shown(page)) == [idle, waiting, other, plain]
    assert listed(shown(page, f"{LOG}?q=scarl&source=&device_id=&from=&to=")) == [idle, other, plain]
    assert listed(shown(page, f"{LOG}?book={book.pk}")) == [idle, other, plain]
    assert listed(shown(page, f"{LOG}?device_id={kindle.pk}")) == [other]
    assert listed(shown(page, f"{LOG}?flagged=1")) == [idle]
    assert listed(shown(page, f"{LOG}?without_book=1")) == [waiting]
    assert listed(shown(page, f"{LOG}?deleted=1")) == [gone]
    text = shown(page, f"{LOG}?from=2026-05-02&to=2026-05-03&source=device&q=%3Cb%3E")
    assert listed(text) == []
    text = shown(page, f"{LOG}?from=2026-05-02&to=2026-05-03&source=device")
    assert listed(text) == [waiting, other]
    assert 'name="from" type="date" value="2026-05-02"' in text
    assert '<option value="device" selected>' in text
    assert "/api/stats/sessions/export?format=csv&from=2026-05-02&to=2026-05-03&source=device" in text


def test_the_export_has_what_the_page_shows(page: Client, read: Read, book: Book) -> None:
    read(EVENING, 30, book_id=None, file=FileReport("scan.epub"))
    wanted = read(EVENING + timedelta(days=1), 30)
    text = shown(page, f"{LOG}?book={book.pk}&q=&cursor=")
    [address] = re.findall(r'href="(/api/stats/sessions/export\?format=json[^"]*)"', text)
    answer = page.get(address)
    assert [item["id"] for item in json.loads(b"".join(answer.streaming_content))] == [wanted]  # type: ignore[attr-defined]


def test_a_date_that_is_none_is_said_and_stays(page: Client, read: Read) -> None:
    kept = read(EVENING, 30)
    text = shown(page, f"{LOG}?from=soon&q=study", 400)
    assert "“soon” is no date." in text
    assert 'value="soon"' in text
    assert 'value="study"' in text
    assert listed(text) == [kept]


@pytest.mark.parametrize("query", ["book=x", "device_id=" + "9" * 30, "source=kindle", "q=%00", "book=²"])
def test_a_filter_that_no_form_makes_narrows_nothing(page: Client, read: Read, query: str) -> None:
    kept = read(EVENING, 30)
    assert listed(shown(page, f"{LOG}?{query}")) == [kept]


def test_it_goes_on_in_pages(page: Client, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [read(EVENING + timedelta(minutes=20 * n), 10) for n in range(52)][::-1]
    text = shown(page, f"{LOG}?q=study")
    assert listed(text) == made[:50]
    assert "Newest" not in text
    [older] = re.findall(r'rel="next" href="([^"]+)"', text)
    rest = shown(page, f"{LOG}{older}")
    assert listed(rest) == made[50:]
    assert "These are the oldest." in rest
    assert 'href="?q=study">Newest</a>' in rest
    assert shown(page, f"{LOG}?cursor=x", 400).count("begin at the first page") == 1


def test_what_lies_at_the_ends_of_the_calendar_is_shown(page: Client, read: Read, ada: Reader) -> None:
    Reader.objects.filter(pk=ada.pk).update(timezone="Pacific/Kiritimati")
    first = read(datetime(1, 1, 1, tzinfo=UTC), 30, timezone="America/New_York")
    last = read(datetime(9999, 12, 31, 23, tzinfo=UTC), 30)
    assert listed(shown(page)) == [last, first]
    for session_id in (first, last):
        assert "Not counted" in shown(page, f"{LOG}/{session_id}")


def test_a_page_costs_as_many_queries_as_one_session(
    page: Client, read: Read, django_assert_num_queries: Callable[..., Any]
) -> None:
    read(EVENING, 30)
    with django_assert_num_queries(6):
        page.get(LOG)
    for n in range(30):
        read(EVENING + timedelta(days=n % 20, minutes=n), 30)
    with django_assert_num_queries(6):
        page.get(LOG)


# --- Trimming ---------------------------------------------------------------------------------------------------------


def suggested(text: str) -> tuple[str, dict[str, str]]:
    """Where the button of a suggestion leads and what it sends."""
    [form] = re.findall(r'<form method="post" action="(/stats/sessions/\d+[^"]*)">(.*?)</form>', text)
    [back] = re.findall(r'name="back" value="([^"]*)"', form[1])
    [(name, value)] = re.findall(r'<button type="submit" name="(\w+)" value="([^"]*)"', form[1])
    return form[0], {"back": back, name: value}


def test_a_suggestion_is_taken_with_one_button_and_leads_back(
    page: Client, read: Read, enqueued: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    read(EVENING, 9 * 60)
    text = shown(page, f"{LOG}?flagged=1")
    assert ">Trim to 6 h<" in text
    assert "6 h 00 min counted" in text
    address, sent = suggested(text)
    enqueued.clear()
    with django_capture_on_commit_callbacks(execute=True):
        answer = page.post(address, sent)
    assert (answer.status_code, answer["Location"]) == (302, f"{LOG}?flagged=1")
    assert enqueued == ["reading.refresh"]
    assert "The session is 6 h 00 min now." in shown(page, f"{LOG}?flagged=1")
    assert Session.objects.get().flag == ""
    assert total_seconds() == 6 * 3600


def test_pages_read_too_fast_are_trimmed_with_one_button(page: Client, read: Read) -> None:
    read(EVENING, 10, pages_turned=1000)
    text = shown(page)
    assert ">Trim to 200 pages<" in text
    page.post(*suggested(text))
    assert (Session.objects.get().pages, Session.objects.get().flag) == (200, "")


def test_what_cannot_be_true_at_all_is_deleted_with_one_button(page: Client, read: Read) -> None:
    read(datetime(1970, 1, 2, tzinfo=UTC), 30)
    text = shown(page)
    assert "the device had lost its clock" in text
    page.post(*suggested(text))
    assert Session.objects.get().flag == Session.Flag.DELETED
    assert listed(shown(page)) == []


def test_a_session_is_trimmed_by_its_form_and_taken_back(page: Client, read: Read) -> None:
    address = f"{LOG}/{read(EVENING, 60, pages_turned=30)}"
    text = shown(page, address)
    assert 'value="2026-05-01T20:00"' in text
    assert 'value="2026-05-01T21:00"' in text
    answer = page.post(address, {"started_at": "2026-05-01T20:10", "ended_at": "2026-05-01T20:40", "pages": "12"})
    assert answer["Location"] == address
    text = shown(page, address)
    assert "The session is 30 min and 12 pages now." in text
    assert "1 May 2026, 20:00 – 21:00, 1 h 00 min, 30 pages" in text
    assert total_seconds() == 1800
    assert page.post(f"{address}/restore")["Location"] == address
    assert "as it was reported again" in shown(page, address)
    assert total_seconds() == 3600


def test_minutes_that_the_form_shows_unchanged_trim_no_seconds(page: Client, read: Read) -> None:
    start = EVENING + timedelta(seconds=20)
    address = f"{LOG}/{read(start, 59.5, pages_turned=30)}"
    page.post(address, {"started_at": "2026-05-01T20:00", "ended_at": "2026-05-01T20:59", "pages": "29"})
    session = Session.objects.get()
    assert (session.started_at, session.seconds, session.pages) == (start, 59.5 * 60, 29)


def test_an_hour_that_comes_twice_is_the_one_of_the_session(page: Client, read: Read) -> None:
    start = datetime(2025, 10, 26, 1, tzinfo=UTC)  # the second two o'clock of that night in Berlin
    address = f"{LOG}/{read(start, 50)}"
    page.post(address, {"started_at": "2025-10-26T02:00", "ended_at": "2025-10-26T02:30", "pages": "0"})
    assert Session.objects.get().ended_at == start + timedelta(minutes=30)


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"ended_at": "2026-05-01T22:00"}, "can only be trimmed to a part of itself"),
        ({"started_at": "2026-05-01T19:00"}, "can only be trimmed to a part of itself"),
        ({"started_at": "2026-05-01T21:00"}, "Delete the session if none of it was reading"),
        ({"ended_at": "soon <b>"}, "“soon <b>” is no time"),
        ({"ended_at": "9999-12-31T23:59"}, "can only be trimmed to a part of itself"),
        ({"pages": "31"}, "30 pages were reported"),
        ({"pages": "-1"}, "“-1” is no number of pages"),
        ({"pages": "²"}, "is no number of pages"),
        ({}, "Nothing of it was changed"),
    ],
)
def test_what_cannot_be_is_said_and_what_was_typed_stays(
    page: Client, read: Read, sent: dict[str, str], sentence: str
) -> None:
    form = {"started_at": "2026-05-01T20:00", "ended_at": "2026-05-01T21:00", "pages": "30"} | sent
    answer = page.post(f"{LOG}/{read(EVENING, 60, pages_turned=30)}", form)
    assert answer.status_code == 400
    assert sentence in words(answer)
    assert "<b>" not in answer.content.decode()
    for name, value in form.items():
        assert re.search(rf'name="{name}"[^>]* value="{re.escape(value)}"', words(answer))
    assert Session.objects.get().reported is None


def test_deleting_asks_first_and_can_be_taken_back(page: Client, read: Read) -> None:
    address = f"{LOG}/{read(EVENING, 30)}"
    assert "Delete this session of “A Study in Scarlet”?" in shown(page, f"{address}/delete")
    assert Session.objects.get().flag == ""
    assert page.post(f"{address}/delete")["Location"] == LOG
    assert "The session is deleted." in shown(page)
    assert page.post(f"{address}/delete")["Location"] == LOG  # a second click
    assert page.get(f"{address}/delete")["Location"] == address
    assert total_seconds() == 0
    assert "Take back" in shown(page, address)
    page.post(f"{address}/restore")
    assert total_seconds() == 1800


def test_changes_come_by_post_alone(page: Client, read: Read) -> None:
    address = f"{LOG}/{read(EVENING, 30)}"
    assert page.get(f"{address}/restore")["Location"] == address
    page.get(f"{address}?ended_at=2026-05-01T20:10")
    assert Session.objects.get().reported is None


# --- By hand ----------------------------------------------------------------------------------------------------------


def typed(text: str) -> dict[str, str]:
    fields = re.findall(r'name="(book|uuid|day|start|minutes|pages)"[^>]* value="([^"]*)"', text)
    return dict(fields)


def test_a_book_is_chosen_among_those_read_last_or_searched_for(page: Client, read: Read, book: Book) -> None:
    emma = put_book("Emma")
    read(EVENING, 30)
    refresh()
    text = shown(page, f"{LOG}/add")
    assert f'href="?book={book.pk}"' in text
    assert f'href="?book={emma.pk}"' not in text
    text = shown(page, f"{LOG}/add?q=emma")
    assert f'href="?book={emma.pk}"' in text
    assert f'href="?book={book.pk}"' not in text
    assert "The library has no such book." in shown(page, f"{LOG}/add?q=zzz")
    assert "There is no such book." in shown(page, f"{LOG}/add?book=999999")


def test_a_session_is_added_once_however_often_the_button_is_pressed(page: Client, book: Book) -> None:
    form = typed(shown(page, f"{LOG}/add?book={book.pk}"))
    assert form["book"] == str(book.pk)
    form |= {"day": "2026-05-01", "start": "20:15", "minutes": "45", "pages": "30"}
    first, second = page.post(f"{LOG}/add", form), page.post(f"{LOG}/add", form)
    session = Session.objects.get()
    assert first["Location"] == second["Location"] == f"{LOG}/{session.pk}"
    assert (session.started_at, session.seconds, session.pages) == (EVENING + timedelta(minutes=15), 45 * 60, 30)
    assert (session.source, session.timezone, session.book) == ("hand", "Europe/Berlin", book)
    assert "45 min with “A Study in Scarlet” are added." in shown(page, f"{LOG}/{session.pk}")
    assert total_seconds() == 45 * 60


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"day": "soon"}, "Say on which day"),
        ({"start": ""}, "Say on which day"),
        ({"day": "0001-01-01", "start": "00:00"}, "Say on which day"),
        ({"minutes": "0"}, "from 1 to 1,440 minutes"),
        ({"minutes": "1441"}, "from 1 to 1,440 minutes"),
        ({"minutes": "half"}, "from 1 to 1,440 minutes"),
        ({"pages": "many <b>"}, "Pages are a number"),
        ({"day": "2099-01-01"}, "It ends in the future."),
        ({"day": "1999-01-01"}, "There were no e-readers"),
    ],
)
def test_what_cannot_be_added_is_said_and_what_was_typed_stays(
    page: Client, book: Book, sent: dict[str, str], sentence: str
) -> None:
    form = typed(shown(page, f"{LOG}/add?book={book.pk}"))
    form |= {"day": "2026-05-01", "start": "20:15", "minutes": "45", "pages": "30"} | sent
    answer = page.post(f"{LOG}/add", form)
    assert answer.status_code == 400
    assert sentence in words(answer)
    assert typed(words(answer)) == form
    assert "<b>" not in answer.content.decode()
    assert not Session.objects.exists()


def test_a_form_cannot_pass_for_a_device(page: Client, read: Read, book: Book) -> None:
    read(EVENING, 30, uuid="of the device")
    form = {"book": str(book.pk), "uuid": "of the device", "day": "2026-05-02", "start": "20:15", "minutes": "45"}
    page.post(f"{LOG}/add", form)
    assert Session.objects.filter(source="hand").count() == 1


# --- Strangers --------------------------------------------------------------------------------------------------------


def test_a_stranger_neither_sees_nor_changes_anything(strange_page: Client, read: Read, ada: Reader) -> None:
    session_id = read(EVENING, 60, pages_turned=10)
    trim_session(ada, session_id, pages=5, now=timezone.now())
    assert listed(shown(strange_page)) == []
    for path in ("", "/delete", "/restore"):
        answer = strange_page.post(f"{LOG}/{session_id}{path}", {"pages": "1"})
        assert answer.status_code == 404
        assert "There is no such session." in words(answer)
    assert strange_page.get(f"{LOG}/{session_id}").status_code == 404
    assert strange_page.get(f"{LOG}/{session_id}/delete").status_code == 404
    assert Session.objects.get().pages == 5


@pytest.mark.parametrize("path", ["", "/add", "/1", "/1/delete", "/1/restore"])
def test_everybody_else_logs_in_first(client: Client, db: None, path: str) -> None:
    assert client.get(f"{LOG}{path}")["Location"].startswith("/login?next=")


@pytest.mark.parametrize("path", ["{}", "{}/delete", "{}/restore", "add"])
def test_another_site_can_change_nothing(ada: Reader, read: Read, path: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ada)
    session_id = read(EVENING, 60, pages_turned=10)
    assert strict.post(f"{LOG}/{path.format(session_id)}", {"pages": "1"}).status_code == 403
    assert (Session.objects.get().pages, Session.objects.get().flag) == (10, "")
