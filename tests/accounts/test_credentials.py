import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts import credentials
from accounts.app_passwords import create_app_password, revoke_app_password
from accounts.credentials import REMEMBERED_MOST, REMEMBERED_SECONDS, Busy, Memory, memory, reader_with_password
from accounts.models import Reader
from tests.waiting import wait_until


class Checks:
    """Counts the slow checks of a password."""

    def __init__(self) -> None:
        self.count = 0
        self.real = credentials._is_password_of

    def __call__(self, reader: Reader | None, password: str) -> bool:
        self.count += 1
        return self.real(reader, password)


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Checks:
    counted = Checks()
    monkeypatch.setattr(credentials, "_is_password_of", counted)
    return counted


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    memory.forget()
    yield
    memory.forget()


class Elapsed:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def elapsed(monkeypatch: pytest.MonkeyPatch) -> Elapsed:
    held = Elapsed()
    monkeypatch.setattr(credentials, "time", held)
    return held


def ask(username: str, password: str) -> Reader | None:
    return reader_with_password(username, password, now=timezone.now())


def test_the_right_password_is_checked_once_in_some_minutes(ada: Reader, checks: Checks, elapsed: Elapsed) -> None:
    for _ in range(5):
        assert ask("ada", "correct horse") == ada
    assert checks.count == 1
    elapsed.seconds += REMEMBERED_SECONDS - 1
    assert ask("ada", "correct horse") == ada
    assert checks.count == 1
    elapsed.seconds += REMEMBERED_SECONDS - 1  # since it was last used
    assert ask("ada", "correct horse") == ada
    assert checks.count == 1
    elapsed.seconds += REMEMBERED_SECONDS + 1
    assert ask("ada", "correct horse") == ada
    assert checks.count == 2


def test_a_wrong_password_is_remembered_too_and_says_nothing_of_the_right_one(ada: Reader, checks: Checks) -> None:
    for _ in range(5):
        assert ask("ada", "wrong horse") is None
    assert checks.count == 1
    assert ask("ada", "correct horse") == ada
    assert ask("ada", "wrong horse") is None
    assert checks.count == 2


def test_a_password_is_its_own_readers_alone(ada: Reader, bob: Reader) -> None:
    assert ask("ada", "correct horse") == ada
    assert ask("bob", "correct horse") is None
    assert ask("bob", "battery staple") == bob


def test_an_unknown_name_costs_as_much_as_a_known_one(ada: Reader, checks: Checks) -> None:
    for _ in range(3):
        assert ask("nobody", "correct horse") is None
    assert checks.count == 1


def test_name_and_password_are_told_apart(ada: Reader) -> None:
    assert memory.digest("ada", "b") != memory.digest("ad", "ab") != memory.digest("ada\0b", "")


def test_a_changed_password_holds_from_the_first_request_on(ada: Reader, checks: Checks) -> None:
    assert ask("ada", "correct horse") == ada
    assert ask("ada", "new horse") is None
    ada.set_password("new horse")
    ada.save()
    assert ask("ada", "correct horse") is None
    assert ask("ada", "new horse") == ada


def test_an_inactive_reader_is_not_let_in_from_the_first_request_on(ada: Reader) -> None:
    assert ask("ada", "correct horse") == ada
    Reader.objects.update(is_active=False)
    assert ask("ada", "correct horse") is None
    Reader.objects.update(is_active=True)
    assert ask("ada", "correct horse") == ada


def test_a_password_without_use_lets_nobody_in(ada: Reader) -> None:
    ada.set_unusable_password()
    ada.save()
    assert ask("ada", "") is None
    assert ask("ada", ada.password) is None


def test_an_app_password_needs_no_slow_check_however_it_is_typed(ada: Reader, bob: Reader, checks: Checks) -> None:
    password = create_app_password(ada)
    spaced = " ".join((password[:4], password[4:8], password[8:]))
    for typed in (password, password.upper(), password.title(), spaced, f" {spaced.upper()}\n", f"{password}\u00a0"):
        assert ask("ada", typed) == ada
    assert checks.count == 0
    assert ask("bob", password) is None


def test_a_revoked_app_password_lets_nobody_in(ada: Reader) -> None:
    password = create_app_password(ada)
    assert ask("ada", password) == ada
    revoke_app_password(ada, ada.app_passwords.get().pk)
    assert ask("ada", password) is None


def test_an_accounts_password_is_taken_as_it_is(ada: Reader) -> None:
    for typed in ("Correct horse", "correcthorse", " correct horse", "correct horse "):
        assert ask("ada", typed) is None


@pytest.mark.parametrize("password", ["", "\x00", "ü" * 5000])
def test_any_text_may_be_tried(password: str, ada: Reader) -> None:
    assert ask("ada", password) is None


def test_no_more_than_so_many_are_remembered_and_the_oldest_go_first() -> None:
    kept = Memory()
    names = [kept.digest(str(n)) for n in range(REMEMBERED_MOST + 10)]
    for name in names:
        kept.remember(name, True)
    assert len(kept._known) == REMEMBERED_MOST
    assert [kept.recall(name) for name in (names[0], names[9], names[10], names[-1])] == [None, None, True, True]


def test_nothing_that_is_remembered_gives_a_password_away(ada: Reader) -> None:
    ask("ada", "correct horse")
    assert len(memory._known) == 1
    assert not any(word in repr(memory.__dict__) for word in ("ada", "correct", ada.password))
    assert memory.digest("ada", "correct horse") != Memory().digest("ada", "correct horse")


@pytest.mark.locking
@pytest.mark.django_db(transaction=True)
def test_a_dozen_requests_at_once_cost_one_slow_check(ada: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    everybody = threading.Barrier(12)
    counted = Checks()
    is_waited_for = threading.Event()

    def slow(reader: Reader | None, password: str) -> bool:
        is_waited_for.wait(0.3)  # so that the others are here before the first answer is
        return counted(reader, password)

    monkeypatch.setattr(credentials, "_is_password_of", slow)

    def request(_: int) -> Any:
        everybody.wait()
        try:
            return ask("ada", "correct horse")
        finally:
            connection.close()

    with ThreadPoolExecutor(12) as pool:
        assert set(pool.map(request, range(12))) == {ada}
    assert counted.count == 1


@pytest.mark.locking
@pytest.mark.django_db(transaction=True)
def test_who_guesses_passwords_keeps_nobody_waiting(ada: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """One password is checked and one waits; a third is told so at once, and those that are remembered are let in."""
    assert ask("ada", "correct horse") == ada
    goes_on, begun = threading.Event(), threading.Semaphore(0)

    def slow(reader: Reader | None, password: str) -> bool:
        begun.release()
        assert goes_on.wait(20)
        return False

    monkeypatch.setattr(credentials, "_is_password_of", slow)

    def guess(number: int) -> Any:
        try:
            return ask("ada", f"guess {number}")
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        guesses = [pool.submit(guess, number) for number in range(2)]
        assert begun.acquire(timeout=20)
        wait_until(lambda: len(credentials._under_way) == 2, what="the second guess to wait")
        with pytest.raises(Busy):
            ask("ada", "guess 3")
        assert ask("ada", "correct horse") == ada
        goes_on.set()
        assert [each.result() for each in guesses] == [None, None]
    assert credentials._under_way == {}
