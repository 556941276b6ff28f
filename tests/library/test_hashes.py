import hashlib
import json
from pathlib import Path

import pytest

from library.hashes import digests, partial_md5

KIB = 1024


def sparse(path: Path, size: int, marks: dict[int, bytes]) -> Path:
    with open(path, "wb") as file:
        for offset, content in marks.items():
            file.seek(offset)
            file.write(content)
        file.truncate(size)
    return path


@pytest.mark.parametrize("size", [0, 1, 1023, 1024, 1025, 4096, 5000, 70_000, 300_000, 1024 * KIB, 5000 * KIB])
def test_both_ways_of_hashing_agree_at_every_size(tmp_path: Path, size: int) -> None:
    path = tmp_path / "book.epub"
    path.write_bytes(bytes(index * 31 % 251 for index in range(size)))
    found = digests(path)
    assert found.ko_md5 == partial_md5(path)
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.size == size


def test_the_samples_lie_where_koreader_takes_them(tmp_path: Path) -> None:
    marks = {0: b"a", 1024: b"b", 4 * KIB: b"c", 16 * KIB: b"d", 64 * KIB: b"e", 256 * KIB: b"f", 1024 * KIB: b"g"}
    path = sparse(tmp_path / "book.epub", 1024 * KIB + 100, marks)
    samples = [mark.ljust(1024, b"\0") for mark in marks.values()]
    samples[-1] = samples[-1][:100]  # a short last sample is hashed as it is
    assert partial_md5(path) == hashlib.md5(b"".join(samples)).hexdigest()


def test_bytes_between_the_samples_do_not_count(tmp_path: Path) -> None:
    one = sparse(tmp_path / "one.epub", 20 * KIB, {0: b"same"})
    other = sparse(tmp_path / "other.epub", 20 * KIB, {0: b"same", 9 * KIB: b"different"})
    assert digests(one).ko_md5 == digests(other).ko_md5
    assert digests(one).sha256 != digests(other).sha256


def test_an_empty_file_has_the_hash_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.epub").touch()
    assert partial_md5(tmp_path / "empty.epub") == hashlib.md5().hexdigest()


@pytest.mark.corpus
def test_real_books_have_the_hashes_that_koreader_and_the_manifest_state(shared_books: Path) -> None:
    for described in json.loads((shared_books / "MANIFEST.json").read_text())["files"]:
        found = digests(shared_books / described["path"])
        expected = (described["sha256"], described["partial_md5"], described["size"])
        assert (found.sha256, found.ko_md5, found.size) == expected, described["path"]
