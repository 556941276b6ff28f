import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.keys import authenticate, create_key, plugin_key, revoke_key
from accounts.models import ApiKey, Reader


def test_a_key_lets_its_reader_in_and_is_not_kept(ada: Reader) -> None:
    key = create_key(ada, label="Kobo")
    assert re.fullmatch(r"tk_[0-9a-f]{40}", key)
    assert authenticate(key, now=timezone.now()) == ada
    kept = ApiKey.objects.get()
    assert key not in (kept.digest, kept.preview)


@pytest.mark.parametrize("wrong", ["", "tk_", "tk_" + "0" * 40, "TK_" + "a" * 40, "tk_" + "g" * 40, "x" * 5000])
def test_what_is_no_key_lets_nobody_in(ada: Reader, wrong: str) -> None:
    create_key(ada)
    assert authenticate(wrong, now=timezone.now()) is None


def test_revoking_works_at_once_and_only_for_the_owner(ada: Reader, bob: Reader) -> None:
    key = create_key(ada)
    row = ApiKey.objects.get()
    assert not revoke_key(bob, row.pk)
    assert authenticate(key, now=timezone.now()) == ada
    assert revoke_key(ada, row.pk)
    assert not revoke_key(ada, row.pk)
    assert authenticate(key, now=timezone.now()) is None


def test_an_inactive_reader_is_not_let_in(ada: Reader) -> None:
    key = create_key(ada)
    Reader.objects.update(is_active=False)
    assert authenticate(key, now=timezone.now()) is None


def test_the_plugin_has_the_same_key_until_it_is_revoked(ada: Reader, bob: Reader) -> None:
    first = plugin_key(ada)
    assert plugin_key(ada) == first
    assert plugin_key(bob) != first
    assert revoke_key(ada, ada.api_keys.get().pk)
    second = plugin_key(ada)
    assert second != first
    assert plugin_key(ada) == second
    assert authenticate(first, now=timezone.now()) is None
    assert authenticate(second, now=timezone.now()) == ada


def test_another_secret_gives_another_plugin_key_and_the_old_one_stays_valid(ada: Reader, settings: Any) -> None:
    first = plugin_key(ada)
    settings.SECRET_KEY = "another secret, of another server"
    second = plugin_key(ada)
    assert second != first
    assert plugin_key(ada) == second
    assert authenticate(first, now=timezone.now()) == ada


def test_the_last_use_is_kept_to_the_minute_and_not_written_each_time(
    ada: Reader, django_assert_num_queries: Any
) -> None:
    key = create_key(ada)
    now = datetime(2026, 5, 1, 12, 30, 40, tzinfo=UTC)
    with django_assert_num_queries(2):
        authenticate(key, now=now)
    assert ApiKey.objects.get().last_used_at == now.replace(second=0)
    with django_assert_num_queries(1):
        authenticate(key, now=now + timedelta(seconds=19))
    authenticate(key, now=now + timedelta(seconds=20))
    assert ApiKey.objects.get().last_used_at == datetime(2026, 5, 1, 12, 31, tzinfo=UTC)
