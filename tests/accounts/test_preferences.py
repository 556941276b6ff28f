import pytest

from accounts.models import Reader
from accounts.preferences import InvalidPreference, prefer_formats, set_goals

KNOWN = ("epub", "cbz", "pdf")


def test_an_order_is_kept_and_the_same_again_changes_nothing(ada: Reader, bob: Reader) -> None:
    assert prefer_formats(ada, ["pdf", "epub", "pdf"], known=KNOWN)
    assert not prefer_formats(ada, ["pdf", "epub"], known=KNOWN)
    assert ada.formats == ["pdf", "epub"]
    ada.refresh_from_db()
    bob.refresh_from_db()
    assert (ada.formats, bob.formats) == (["pdf", "epub"], [])


def test_what_another_request_set_meanwhile_is_what_counts(ada: Reader) -> None:
    prefer_formats(Reader.objects.get(pk=ada.pk), ["pdf"], known=KNOWN)
    assert ada.formats == []
    assert not prefer_formats(ada, ["pdf"], known=KNOWN)
    assert prefer_formats(ada, [], known=KNOWN)


def test_an_unknown_format_is_refused_and_nothing_is_lost(ada: Reader) -> None:
    prefer_formats(ada, ["pdf"], known=KNOWN)
    with pytest.raises(InvalidPreference) as refused:
        prefer_formats(ada, ["epub", "docx"], known=KNOWN)
    assert refused.value.sentence == "There is no format docx; there are epub, cbz, pdf."
    ada.refresh_from_db()
    assert ada.formats == ["pdf"]


def test_goals_are_kept_until_they_are_taken_away(ada: Reader, bob: Reader) -> None:
    assert set_goals(ada, minutes_a_day=30, books_a_year=None)
    assert not set_goals(ada, minutes_a_day=30, books_a_year=None)
    assert set_goals(ada, minutes_a_day=None, books_a_year=24)
    assert (ada.goal_minutes_a_day, ada.goal_books_a_year) == (None, 24)
    ada.refresh_from_db()
    bob.refresh_from_db()
    assert (ada.goal_minutes_a_day, ada.goal_books_a_year) == (None, 24)
    assert (bob.goal_minutes_a_day, bob.goal_books_a_year) == (None, None)


@pytest.mark.parametrize(("minutes", "books"), [(0, None), (1441, None), (-5, None), (30, 0), (30, 1001)])
def test_a_goal_that_nobody_reaches_is_refused_and_nothing_is_changed(
    ada: Reader, minutes: int, books: int | None
) -> None:
    set_goals(ada, minutes_a_day=1440, books_a_year=1000)
    with pytest.raises(InvalidPreference):
        set_goals(ada, minutes_a_day=minutes, books_a_year=books)
    ada.refresh_from_db()
    assert (ada.goal_minutes_a_day, ada.goal_books_a_year) == (1440, 1000)
