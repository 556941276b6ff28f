from contextlib import suppress
from pathlib import Path

import pytest

from library.errors import Encrypted, NotAnEbook
from library.formats import rar
from library.formats.rar import open_rar
from tests.library.formats.making import rar5

PAGES = {"a/1.png": b"first" * 1000, "a/2.png": b"second" * 1000}


def archive(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_the_entries_come_in_their_order_and_whole(tmp_path: Path) -> None:
    with open_rar(archive(tmp_path / "a.cbr", rar5(PAGES))) as opened:
        assert opened.names == tuple(PAGES)
        assert opened.read("a/2.png", 10_000) == PAGES["a/2.png"]
        assert opened.read("a/1.png", 10_000) == PAGES["a/1.png"]


@pytest.mark.parametrize("name", ["漫画 ½.cbr", "caf\udce9.cbr", "part1.rar"])
def test_the_name_of_the_file_does_not_matter(tmp_path: Path, name: str) -> None:
    with open_rar(archive(tmp_path / name, rar5(PAGES))) as opened:
        assert len(opened.read("a/1.png", 10_000)) == 5000


def test_an_entry_beyond_the_limit_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_rar(archive(tmp_path / "a.cbr", rar5(PAGES))) as opened:
        monkeypatch.setattr(rar, "unpacked_entry", None)
        with pytest.raises(NotAnEbook, match="unreasonably large"):
            opened.read("a/1.png", 4999)


def test_what_unpacks_to_more_than_was_stated_stops_at_the_limit(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.cbr", rar5({"1.png": bytes(400_000)}))
    with path.open("rb") as file, rar.opened(file, rar.UNPACK) as handle:
        next(rar.entries(handle))
        with pytest.raises(NotAnEbook):
            rar.unpacked_entry(handle, 399_999)


def test_an_entry_that_is_not_there_is_missed(tmp_path: Path) -> None:
    with (
        open_rar(archive(tmp_path / "a.cbr", rar5(PAGES))) as opened,
        pytest.raises(NotAnEbook, match=r"lacks 3\.png"),
    ):
        opened.read("3.png", 100)


def test_a_changed_byte_is_found(tmp_path: Path) -> None:
    content = rar5(PAGES).replace(b"firstfirst", b"firstFirst", 1)
    with open_rar(archive(tmp_path / "a.cbr", content)) as opened:
        with pytest.raises(NotAnEbook, match="damaged"):
            opened.read("a/1.png", 10_000)
        assert opened.read("a/2.png", 10_000)


def test_encrypted_entries_are_refused_in_plain_words(tmp_path: Path) -> None:
    with (
        pytest.raises(Encrypted, match="password"),
        open_rar(archive(tmp_path / "a.cbr", rar5(PAGES, is_encrypted=True))),
    ):
        pass


@pytest.mark.corpus
def test_encrypted_headers_are_refused_in_plain_words(shared_books: Path) -> None:
    with pytest.raises(Encrypted, match="password"), open_rar(shared_books / "hostile/rar4-encrypted.cbr"):
        pass


@pytest.mark.corpus
def test_an_archive_of_the_older_kind_is_read(shared_books: Path) -> None:
    with open_rar(shared_books / "komga-rar4.cbr") as opened:
        assert [len(opened.read(name, 10_000)) for name in opened.names] == [3108, 3108, 3108]


def test_a_part_of_a_split_archive_is_refused_and_its_neighbours_are_left_alone(tmp_path: Path) -> None:
    archive(tmp_path / "a.part2.cbr", rar5({"secret.png": b"beside"}))
    with (
        pytest.raises(NotAnEbook, match="split"),
        open_rar(archive(tmp_path / "a.part1.cbr", rar5(PAGES, is_volume=True))),
    ):
        pass


def test_what_would_take_much_memory_is_listed_but_not_unpacked(tmp_path: Path) -> None:
    with open_rar(archive(tmp_path / "a.cbr", rar5(PAGES, dictionary=15))) as opened:  # 4 GB
        assert opened.names == tuple(PAGES)
        with pytest.raises(NotAnEbook, match="memory"):
            opened.read("a/1.png", 10_000)


def test_too_many_entries_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rar, "ENTRIES_LIMIT", 1)
    with (
        pytest.raises(NotAnEbook, match="many"),
        open_rar(archive(tmp_path / "a.cbr", rar5(PAGES))),
    ):
        pass


@pytest.mark.parametrize("kept", [7, 8, 12, 30, 60, -9, -2000])
def test_what_is_cut_is_refused_or_lists_what_is_there(tmp_path: Path, kept: int) -> None:
    path = archive(tmp_path / "a.cbr", rar5(PAGES)[:kept])
    with suppress(NotAnEbook), open_rar(path) as opened:
        assert set(opened.names) <= set(PAGES)
