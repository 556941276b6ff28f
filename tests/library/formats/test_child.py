"""Whose fault it is when a file cannot be read, as the reading process tells it."""

import errno
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from library.errors import Encrypted, NotAnEbook
from library.formats import child
from library.formats.child import LENGTH, READY, answer, serve


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NotAnEbook("It is none."), {"refused": "It is none.", "code": "not_an_ebook"}),
        (Encrypted("It is locked."), {"refused": "It is locked.", "code": "encrypted"}),
        (MemoryError(), {"exhausted": True}),
        (RecursionError(), {"exhausted": True}),
        (OSError(errno.ENOMEM, "no memory"), {"exhausted": True}),
        (OSError(errno.EIO, "the disk"), {"errno": errno.EIO}),
        (FileNotFoundError(errno.ENOENT, "gone"), {"errno": errno.ENOENT}),
        (OSError(errno.EINVAL, "a negative place"), {"failed": "OSError"}),
        (OSError("broken data stream when reading image file"), {"failed": "OSError"}),
        (ModuleNotFoundError("no unrar", name="unrar"), {"lacking": "unrar"}),
        (ZeroDivisionError(), {"failed": "ZeroDivisionError"}),
    ],
)
def test_each_failure_is_told_as_what_it_is(
    error: Exception, said: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(child, "read_book", fail)
    assert answer({"path": "/a.epub", "format": "epub", "seconds": 30}) == (said, [])


def test_answers_come_in_the_order_of_the_requests_and_end_with_them(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("empty.epub", "page.epub")]
    paths[0].write_bytes(b"")
    paths[1].write_bytes(b"<html>")
    requests = [json.dumps({"path": os.fspath(path), "format": "epub", "seconds": 30}).encode() for path in paths]
    answers = io.BytesIO()
    serve(io.BytesIO(b"".join(LENGTH.pack(len(request)) + request for request in requests)), answers)
    answers.seek(0)
    told = []
    while head := answers.read(LENGTH.size):
        told.append(json.loads(answers.read(LENGTH.unpack(head)[0])))
    assert told[0] == READY
    assert [each["refused"] for each in told[1:]] == [
        "This file is empty.",
        "This file is not an EPUB: it is a web page.",
    ]
    assert all(each["resident"] > 0 for each in told[1:])
