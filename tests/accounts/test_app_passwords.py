import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.app_passwords import (
    ALPHABET,
    LENGTH,
    create_app_password,
    md5_of,
    reader_and_app_password,
    revoke_app_password,
)
from accounts.models import AppPassword, Reader

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def let_in(username: str, md5_hex: str) -> Reader | None:
    reader, is_app_password = reader_and_app_password(username, md5_hex, now=timezone.now())
    return reader if is_app_password else None


def test_one_is_typed_without_a_shift_key_and_not_kept(ada: Reader) -> None:
    password = create_app_password(ada, label="Kobo")
    assert re.fullmatch(f"[{ALPHABET}]{{{LENGTH}}}", password)
    assert not set("iloOI01") & set(ALPHABET)
    kept = AppPassword.objects.get()
    assert kept.label == "Kobo"
    assert password not in kept.digest
    assert md5_of(password) not in kept.digest


def test_no_two_are_the_same(ada: Reader) -> None:
    assert len({create_app_password(ada) for _ in range(20)}) == 20


def test_its_md5_lets_its_reader_in_whichever_way_it_is_written(ada: Reader) -> None:
    md5 = md5_of(create_app_password(ada))
    assert let_in("ada", md5) == ada
    assert let_in("ada", md5.upper()) == ada


@pytest.mark.parametrize("wrong", ["", "0" * 32, "x" * 5000, "ü", "{password}", "{md5}0"])
def test_what_is_no_md5_of_one_lets_nobody_in(wrong: str, ada: Reader) -> None:
    password = create_app_password(ada)
    assert let_in("ada", wrong.format(password=password, md5=md5_of(password))) is None


def test_it_is_its_own_readers_alone(ada: Reader, bob: Reader) -> None:
    md5 = md5_of(create_app_password(ada))
    for name in ("bob", "nobody", "", "ADA"):
        assert let_in(name, md5) is None


def test_the_reader_is_found_without_one_too(ada: Reader) -> None:
    assert reader_and_app_password("ada", "0" * 32, now=NOON) == (ada, False)
    assert reader_and_app_password("nobody", "0" * 32, now=NOON) == (None, False)


def test_a_reader_may_have_several_and_revokes_one_at_once(ada: Reader, bob: Reader) -> None:
    first, second = (md5_of(create_app_password(ada)) for _ in range(2))
    row = AppPassword.objects.order_by("pk").first()
    assert row is not None
    assert not revoke_app_password(bob, row.pk)
    assert let_in("ada", first) == ada
    assert revoke_app_password(ada, row.pk)
    assert not revoke_app_password(ada, row.pk)
    assert let_in("ada", first) is None
    assert let_in("ada", second) == ada


def test_an_inactive_reader_is_not_let_in(ada: Reader) -> None:
    md5 = md5_of(create_app_password(ada))
    Reader.objects.update(is_active=False)
    assert reader_and_app_password("ada", md5, now=NOON) == (None, False)


def test_another_secret_makes_it_invalid(ada: Reader, settings: Any) -> None:
    md5 = md5_of(create_app_password(ada))
    settings.SECRET_KEY = "another secret, of another server"
    assert let_in("ada", md5) is None


def test_the_last_use_is_kept_to_the_minute_and_not_written_each_time(
    ada: Reader, django_assert_num_queries: Any
) -> None:
    md5 = md5_of(create_app_password(ada))
    now = NOON + timedelta(seconds=40)
    with django_assert_num_queries(2):
        reader_and_app_password("ada", md5, now=now)
    assert AppPassword.objects.get().last_used_at == NOON
    with django_assert_num_queries(1):
        reader_and_app_password("ada", md5, now=now + timedelta(seconds=19))
    reader_and_app_password("ada", md5, now=now + timedelta(seconds=20))
    assert AppPassword.objects.get().last_used_at == NOON + timedelta(minutes=1)


def test_what_a_request_needs_of_the_reader_comes_with_the_same_query(
    ada: Reader, django_assert_num_queries: Any
) -> None:
    md5 = md5_of(create_app_password(ada))
    reader_and_app_password("ada", md5, now=NOON)
    with django_assert_num_queries(1):
        reader, _ = reader_and_app_password("ada", md5, now=NOON)
        assert reader is not None
        assert (reader.username, reader.timezone, reader.is_active) == ("ada", "Europe/Berlin", True)
