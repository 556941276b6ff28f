"""Whether to move to the server's place: everything that it depends on, and what never happens."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.koplugin.pure import PureLua

LUA = PureLua()
DECISION = LUA.module("decision")
NOON = 1_763_900_000
WISHES = ("auto", "ask", "never")


def place(fraction: float | None, progress: str | None = None) -> dict[str, Any]:
    return {name: value for name, value in {"fraction": fraction, "progress": progress}.items() if value is not None}


def decide(**changes: Any) -> str:
    """The server's place is ahead, new to this device and read after the last page turn here, unless said otherwise."""
    given = {
        "here": place(0.3, "/body/p[3]"),
        "there": place(0.6, "/body/p[6]"),
        "revision": 5,
        "known_revision": 4,
        "read_at": NOON + 60,
        "last_read_at": NOON,
        "told": place(0.3, "/body/p[3]"),
        "has_turned": False,
        "is_asked": False,
        "ahead": "auto",
        "behind": "ask",
    }
    given |= changes
    known = given.pop("known_revision")
    if known is not None:
        given.setdefault("known", {"revision": known})
    return DECISION[b"on_place"](LUA.table(given)).decode()


AHEAD = {"there": place(0.6, "/body/p[6]")}
BEHIND = {"there": place(0.1, "/body/p[1]")}


@pytest.mark.parametrize(("wish", "has_turned", "is_asked"), list(product(WISHES, (False, True), (False, True))))
@pytest.mark.parametrize(("there", "name", "other"), [(AHEAD, "ahead", "behind"), (BEHIND, "behind", "ahead")])
def test_a_place_that_was_read_later_is_treated_as_the_reader_wants(
    there: dict[str, Any], name: str, other: str, wish: str, has_turned: bool, is_asked: bool
) -> None:
    expected = {"auto": "ask" if has_turned else "go", "ask": "ask", "never": "stay"}[wish]
    for other_wish in WISHES:
        wishes = {name: wish, other: other_wish}
        assert decide(**there, **wishes, has_turned=has_turned, is_asked=is_asked) == expected


@pytest.mark.parametrize("read_at", [NOON - 60, NOON])
@pytest.mark.parametrize(("there", "wish", "is_asked"), list(product((AHEAD, BEHIND), WISHES, (False, True))))
def test_a_place_that_was_not_read_later_moves_nobody(
    there: dict[str, Any], read_at: int, wish: str, is_asked: bool
) -> None:
    assert decide(**there, read_at=read_at, ahead=wish, behind=wish, is_asked=is_asked) == "stay"


@pytest.mark.parametrize("there", [AHEAD, BEHIND])
def test_where_nobody_knows_which_was_read_later_the_reader_is_asked(there: dict[str, Any]) -> None:
    assert decide(**there, read_at=None, ahead="auto", behind="auto") == "ask"
    assert decide(**there, read_at=None, ahead="never", behind="never") == "stay"


@pytest.mark.parametrize("read_at", [NOON, None])
def test_where_nothing_was_ever_read_here_any_place_is_later(read_at: int | None) -> None:
    assert decide(read_at=read_at, last_read_at=None, told=None) == "go"


@pytest.mark.parametrize("wish", WISHES)
def test_a_revision_that_was_seen_is_not_offered_again(wish: str) -> None:
    assert decide(known_revision=5, ahead=wish) == "stay"
    assert decide(**BEHIND, known_revision=5, behind=wish) == "stay"


def test_unless_the_reader_asks_for_it() -> None:
    assert decide(known_revision=5, is_asked=True) == "go"
    assert decide(**BEHIND, known_revision=5, is_asked=True) == "ask"
    assert decide(known_revision=5, is_asked=True, read_at=NOON) == "stay"


def test_where_no_revision_is_known_every_one_is_new() -> None:
    assert decide(known_revision=None) == "go"


@pytest.mark.parametrize(
    ("here", "there", "is_one"),
    [
        (place(0.3, "/body/p[3]"), place(0.6, "/body/p[3]"), True),
        (place(0.3, "/body/p[3]"), place(0.3, "/body/p[4]"), True),
        (place(0.3, "/body/p[3]"), place(0.3), True),
        (place(0.3), place(0.3049), True),
        (place(0.3), place(0.2951), True),
        (place(0.3), place(0.306), False),
        (place(0.3), place(0.294), False),
        (place(None, "/body/p[3]"), place(0.3, "/body/p[3]"), True),
        (place(None, "/body/p[3]"), place(0.3, "/body/p[4]"), False),
        (place(None), place(0.3), False),
        (place(0.0), place(0.0), True),
    ],
)
def test_places_are_one_by_their_locator_or_where_layouts_explain_the_difference(
    here: dict[str, Any], there: dict[str, Any], is_one: bool
) -> None:
    assert bool(DECISION[b"is_same"](LUA.table(here), LUA.table(there))) is is_one


@pytest.mark.parametrize(("wish", "is_asked"), list(product(WISHES, (False, True))))
def test_at_the_same_place_nobody_moves(wish: str, is_asked: bool) -> None:
    assert decide(there=place(0.301), ahead=wish, behind=wish, is_asked=is_asked) == "stay"


@pytest.mark.parametrize("there", [AHEAD, BEHIND])
def test_the_place_that_this_device_told_itself_moves_nobody(there: dict[str, Any]) -> None:
    told = place(there["there"]["fraction"] + 0.00001)
    assert decide(**there, told=told, has_turned=True, known_revision=None, ahead="auto", behind="auto") == "stay"


@pytest.mark.parametrize(("there", "expected"), [(AHEAD, "go"), (BEHIND, "ask")])
def test_where_koreader_has_lost_the_place_what_this_device_told_is_offered(
    there: dict[str, Any], expected: str
) -> None:
    lost = {"told": place(0.6, "/body/p[6]"), "known_revision": 5, "last_read_at": NOON + 60}
    assert decide(**there, **lost) == expected
    assert decide(**there, **lost, has_turned=True) == "stay"


@pytest.mark.parametrize("there", [AHEAD, BEHIND])
@pytest.mark.parametrize(("wish", "expected"), [("auto", "ask"), ("ask", "ask"), ("never", "stay")])
def test_what_the_server_refused_is_decided_by_the_reader(there: dict[str, Any], wish: str, expected: str) -> None:
    assert decide(**there, is_undecided=True, read_at=NOON - 60, ahead=wish, behind=wish) == expected


@pytest.mark.parametrize(("read_at", "expected"), [("2026-01-01T00:00:00Z", "stay"), ("2026-01-02T00:00:00Z", "go")])
def test_a_restored_server_counts_its_revisions_anew(read_at: str, expected: str) -> None:
    known = {"revision": 5, "read_at": "2026-01-01T00:00:00Z"}
    assert decide(known=known, read_at_told=read_at) == expected


@pytest.mark.parametrize(("pages", "expected"), [((500, 500), "stay"), ((500, 505), "go")])
def test_in_the_same_file_the_page_tells_whether_a_place_is_another(pages: tuple[int, int], expected: str) -> None:
    here, there = place(0.4167, "/body/p[3]"), place(0.4208, "/body/p[6]")
    assert decide(here=here | {"page": pages[0]}, there=there | {"page": pages[1]}, told=here) == expected


def test_where_the_place_here_is_not_known_the_servers_is_ahead() -> None:
    assert decide(here={}, ahead="auto", behind="never") == "go"
    assert decide(here={}, ahead="never", behind="auto") == "stay"


FRACTIONS = st.one_of(st.none(), st.floats(0, 1))
PROGRESS = st.sampled_from([None, "/body/p[1]", "/body/p[2]", "7"])
PLACES = st.builds(place, FRACTIONS, PROGRESS)
MOMENTS = st.one_of(st.none(), st.integers(NOON - 2, NOON + 2))
SITUATIONS = st.fixed_dictionaries(
    {
        "here": PLACES,
        "there": st.builds(place, st.floats(0, 1), PROGRESS),
        "revision": st.integers(1, 3),
        "known_revision": st.one_of(st.none(), st.integers(1, 3)),
        "read_at": MOMENTS,
        "last_read_at": MOMENTS,
        "told": st.one_of(st.none(), PLACES),
        "has_turned": st.booleans(),
        "is_asked": st.booleans(),
        "ahead": st.sampled_from(WISHES),
        "behind": st.sampled_from(WISHES),
    }
)


@given(SITUATIONS)
def test_nobody_is_moved_who_has_turned_pages_or_read_later_or_does_not_want_it(situation: dict[str, Any]) -> None:
    choice = decide(**situation)
    assert choice in ("stay", "ask", "go")
    if choice == "stay":
        return
    here, there = situation["here"], situation["there"]
    is_behind = "fraction" in here and there["fraction"] <= here["fraction"]
    wish = situation["behind" if is_behind else "ahead"]
    read_at, last_read_at = situation["read_at"], situation["last_read_at"]
    assert wish != "never"
    told = situation["told"]
    is_lost = (
        told is not None and not situation["has_turned"] and not DECISION[b"is_same"](LUA.table(here), LUA.table(told))
    )
    if not is_lost:
        assert situation["is_asked"] or situation["revision"] != situation["known_revision"]
        assert read_at is None or last_read_at is None or read_at > last_read_at
    if choice == "go":
        assert wish == "auto"
        assert not situation["has_turned"]
        assert is_lost or last_read_at is None or read_at is not None
