"""The built plugin against this project's own API: what the one sends, the other takes, and the other way round."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from koplugin.packer import build_plugin
from tests.koplugin.koreader import KOReader, default_xpointers

pytestmark = pytest.mark.django_db(transaction=True)

MakeDevice = Callable[..., KOReader]


@pytest.fixture
def device(live_server: Any, ada_key: str, tmp_path: Path) -> MakeDevice:
    """Starts one of Ada's devices with its clock so long ago that what is read on it lies in the past."""
    zip_ = build_plugin(server_url=live_server.url, api_key=ada_key, username="ada")

    def start(device_id: str, *, model: str = "Kobo_io", hours_ago: float = 2, is_online: bool = True) -> KOReader:
        now = time.time() - hours_ago * 3600
        return KOReader(zip_, tmp_path / device_id, device_id=device_id, model=model, now=now, is_online=is_online)

    return start


@pytest.fixture
def file_of_book(book: Any, settings: Any) -> Path:
    return settings.LIBRARY_DIR / book.files.get().path


def test_a_book_read_on_one_device_goes_on_on_another(device: MakeDevice, book: Any, file_of_book: Path) -> None:
    from reading.models import Position, Session

    kobo = device("kobo-1")
    kobo.open(file_of_book, pages=200)
    kobo.turn_pages(59, seconds_each=30)
    kobo.close()
    assert kobo.waiting() == []
    session: Any = Session.objects.get()
    assert (session.book, session.pages, session.flag) == (book, 59, "")
    assert session.device.name == "Kobo_io"
    assert Position.objects.get().percentage == 0.3

    kindle = device("kindle-1", model="Kindle", hours_ago=0)
    kindle.open(file_of_book, pages=200)
    assert [question.split(" (")[0] for question in kindle.questions] == ["Kobo_io was at 30 % of this book"]
    kindle.answer(True)
    assert kindle.progress == default_xpointers(200)[59].decode()
    kindle.turn_pages(1)
    kindle.close()
    position: Any = Position.objects.get()
    assert position.device.identifier == "kindle-1"
    assert [device.warnings for device in (kobo, kindle)] == [[], []]


def test_a_day_offline_arrives_at_once_and_once(device: MakeDevice, book: Any, file_of_book: Path) -> None:
    from reading.models import Session

    kobo = device("kobo-1", hours_ago=30, is_online=False)
    kobo.open(file_of_book, pages=200)
    for _ in range(12):
        kobo.turn_pages(4)
        kobo.suspend()
        kobo.resume(slept=7200, is_online=False)
    kobo.close()
    kobo.go_online()
    assert kobo.waiting() == []
    assert Session.objects.filter(book=book, flag="").count() == 12
    assert len({session.uuid for session in Session.objects.all()}) == 12


def test_a_book_that_the_library_does_not_have_is_kept_for_later(device: MakeDevice, tmp_path: Path) -> None:
    from reading.models import PositionWrite, Session

    strange = tmp_path / "Strange Book.epub"
    strange.write_bytes(b"nothing that a library has")
    kobo = device("kobo-1")
    kobo.open(strange)
    kobo.turn_pages(5)
    kobo.close()
    assert kobo.waiting() == []
    session: Any = Session.objects.get()
    assert (session.book, session.file.filename) == (None, "Strange Book.epub")
    assert PositionWrite.objects.get().verdict == "parked"


def test_a_revoked_key_keeps_everything_on_the_device(device: MakeDevice, ada: Any, file_of_book: Path) -> None:
    from accounts.models import ApiKey

    ApiKey.objects.filter(reader=ada).delete()
    kobo = device("kobo-1")
    kobo.open(file_of_book)
    kobo.turn_pages(5)
    kobo.close()
    assert len(kobo.waiting()) == 2
    kobo.tap("Sync now")
    assert kobo.shown[-1].text.startswith("The server refuses this plugin's key.")
