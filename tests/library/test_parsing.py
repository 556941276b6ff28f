"""The parser with its real child; where the child itself is the enemy, another program stands in its place."""

import json
import math
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from library import parsing
from library.errors import LibraryError, MayPass, NotAnEbook
from library.formats import format_of
from library.formats.bounds import DATA_BYTES
from library.formats.child import LENGTH, READY
from library.formats.metadata import DESCRIPTION_LENGTH, NAME_LENGTH, TITLE_LENGTH, Metadata
from library.formats.wire import INDEX_LIMIT, as_json
from library.parsing import ANSWER_LIMIT, BLOB_LIMIT, NONSENSE, Parsed, Parser, outcome
from tests.books import make_epub, partial_md5
from tests.children import ends_with_us
from tests.waiting import wait_until
from workers.library import SOFT_SECONDS, TURN_SECONDS

LIBRARIES_BYTES = 64 * 1024 * 1024  # what is mapped of libraries' files does not count as the child's own data
FILE_TAKES_SECONDS = 10.0  # the longest of them takes one; the machine may be busy
WEBP = b"RIFF\x00\x00\x00\x00WEBP"


@pytest.fixture
def parser() -> Iterator[Parser]:
    with Parser() as made:
        yield made


@pytest.fixture
def small_book(tmp_path: Path) -> Path:
    return make_epub(tmp_path / "small.epub", title="Small", with_cover=True)


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """What never ends being opened: a pipe that nobody writes to."""
    path = tmp_path / "endless.epub"
    os.mkfifo(path)
    return path


def refusal(parser: Parser, path: Path, format: str = "epub") -> str:
    with pytest.raises(LibraryError) as raised:
        parser.read(path, format)
    assert type(raised.value) is not MayPass
    return raised.value.sentence


def child_of(parser: Parser) -> psutil.Process:
    assert parser.pid is not None
    return psutil.Process(parser.pid)


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


# --- What a file says -------------------------------------------------------------------------------------------------


def test_a_book_comes_with_its_description_its_thumbnails_and_its_digests(parser: Parser, small_book: Path) -> None:
    read = parser.read(small_book, "epub")
    assert (read.metadata.title, read.metadata.authors) == ("Small", ("Arthur Conan Doyle",))
    assert read.metadata.cover is None
    assert read.thumbnails is not None
    assert read.thumbnails.large[8:12] == read.thumbnails.small[8:12] == b"WEBP"
    whole = small_book.read_bytes()
    assert (read.digests.sha256, read.digests.size) == (sha256(whole).hexdigest(), len(whole))
    assert read.digests.ko_md5 == partial_md5(small_book)


def test_one_process_reads_many_files_until_it_is_used_up(
    parser: Parser, small_book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parsing, "FILES_LIMIT", 3)
    pids = []
    for _ in range(2):
        parser.read(small_book, "epub")
        pids.append(parser.pid)
    assert pids[0] == pids[1] is not None
    parser.read(small_book, "epub")
    assert parser.pid is None
    parser.read(small_book, "epub")
    assert parser.pid not in (None, *pids)


def test_a_process_that_has_grown_is_replaced(
    parser: Parser, small_book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parsing, "GROWN_BYTES", 1024)
    assert parser.read(small_book, "epub").metadata.title == "Small"
    assert parser.pid is None


def test_a_closed_parser_leaves_no_process(small_book: Path) -> None:
    with Parser() as parser:
        assert parser.pid is None  # nor is there one before the first file
        parser.read(small_book, "epub")
        child = child_of(parser)
    assert is_gone(child)


def test_the_process_has_nothing_of_ours(parser: Parser, small_book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOME_SECRET_KEY", "a secret")
    parser.read(small_book, "epub")
    child = child_of(parser)
    assert set(child.environ()) <= {"PATH", "LD_LIBRARY_PATH", "LC_CTYPE"}
    assert child.cwd() == "/"
    assert os.getsid(child.pid) == child.pid
    assert child.open_files() == []
    assert child.num_fds() <= 5  # requests, answers, and three times nowhere


def test_what_reads_files_loads_no_django_and_large_libraries_only_for_a_file() -> None:
    code = "import sys, library.formats.child; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True).stdout
    modules = {name.partition(".")[0] for name in loaded.split()}
    assert not modules & {"django", "celery", "pypdf", "pypdfium2", "unrar", "psycopg", "redis"}


# --- Files that fail --------------------------------------------------------------------------------------------------


def test_a_file_that_keeps_its_reader_busy_for_too_long_is_refused(
    parser: Parser, small_book: Path, impostor: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    impostor("while True: pass")
    monkeypatch.setattr(parsing, "SECONDS", 1.0)
    assert refusal(parser, small_book) == "This file could not be read: it took longer than 1 seconds."
    assert parser.pid is None


def test_a_file_that_does_not_come_from_its_disk_may_come_later_and_the_next_one_has_a_fresh_process(
    parser: Parser, small_book: Path, endless: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        parser.read(small_book, "epub")
    hanging = child_of(parser)
    with monkeypatch.context() as patch:
        patch.setattr(parsing, "SECONDS", 0.2)
        with pytest.raises(MayPass, match="did not come from its disk"):
            parser.read(endless, "epub")
    assert is_gone(hanging)
    assert parser.read(small_book, "epub").metadata.title == "Small"


def test_a_large_file_may_take_longer_but_not_as_long_as_the_task() -> None:
    assert parsing.seconds_for(0) == 30
    assert parsing.seconds_for(2_000_000_000) == 130
    assert parsing.seconds_for(10**15) == parsing.LONGEST_SECONDS < SOFT_SECONDS - TURN_SECONDS


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS])
def test_a_file_that_crashes_its_reader_is_refused(
    parser: Parser, small_book: Path, endless: Path, number: signal.Signals
) -> None:
    parser.begin(endless, "epub")
    child_of(parser).send_signal(number)
    with pytest.raises(NotAnEbook, match=r"^This file could not be read: its reader broke down over it\.$"):
        parser.finish()
    assert parser.read(small_book, "epub").metadata.title == "Small"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_reader_that_is_ended_from_outside_is_not_the_files_fault(
    parser: Parser, small_book: Path, endless: Path, number: signal.Signals
) -> None:
    parser.begin(endless, "epub")
    child_of(parser).send_signal(number)
    with pytest.raises(MayPass, match="its reader was ended"):
        parser.finish()
    assert parser.read(small_book, "epub").metadata.title == "Small"


def test_a_reader_that_was_ended_between_two_files_costs_neither(parser: Parser, small_book: Path) -> None:
    parser.read(small_book, "epub")
    former = child_of(parser)
    former.kill()
    wait_until(lambda: is_gone(former), what="the child to end")
    assert parser.read(small_book, "epub").metadata.title == "Small"


def test_an_answer_that_came_in_time_counts_however_late_it_is_fetched(
    parser: Parser, small_book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parser.begin(small_book, "epub")
    assert parser._process is not None
    assert select.select([parser._process.stdout], [], [], FILE_TAKES_SECONDS)[0]
    later = time.monotonic() + 1000
    monkeypatch.setattr("library.parsing.time.monotonic", lambda: later)
    assert parser.finish().metadata.title == "Small"


def test_a_wait_that_is_broken_off_leaves_no_answer_for_the_next_file(
    parser: Parser, small_book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Celery's soft time limit does it, while the answer is on its way."""

    class TimeIsUp(Exception):
        pass

    def interrupted(*_: Any) -> Any:
        raise TimeIsUp

    other = make_epub(tmp_path / "other.epub", title="Other")
    parser.begin(small_book, "epub")
    with monkeypatch.context() as patch:
        patch.setattr("library.parsing.select.select", interrupted)
        with pytest.raises(TimeIsUp):
            parser.finish()
    assert parser.read(other, "epub").metadata.title == "Other"


def test_a_file_that_is_missing_or_is_a_folder_fails_as_the_disk_says_and_the_next_is_read(
    parser: Parser, small_book: Path, tmp_path: Path
) -> None:
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            parser.read(tmp_path / "missing.epub", "epub")
        with pytest.raises(IsADirectoryError):
            parser.read(tmp_path, "epub")
    assert parser.read(small_book, "epub").metadata.title == "Small"


def test_a_file_name_that_is_not_utf8_is_read(parser: Parser, small_book: Path) -> None:
    odd = os.fsdecode(os.fsencode(small_book.parent) + b"/caf\xe9.epub")
    small_book.rename(odd)
    assert parser.read(Path(odd), "epub").metadata.title == "Small"


@pytest.mark.parametrize(
    "command", [["/nowhere/python"], [sys.executable, "-c", "pass"], [sys.executable, "-c", "print('hello' * 99)"]]
)
def test_where_no_reader_starts_no_file_is_to_blame(
    parser: Parser, small_book: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(parsing, "COMMAND", command)
        for _ in range(2):
            with pytest.raises(MayPass):
                parser.read(small_book, "epub")
    assert parser.read(small_book, "epub").metadata.title == "Small"


def test_a_part_of_tome_that_is_missing_is_not_the_files_fault() -> None:
    found = outcome({"lacking": "unrar.cffi"}, [])
    assert isinstance(found, MayPass)
    assert "unrar.cffi" in found.sentence


def test_a_reader_ends_with_its_owner_whatever_it_is_doing(endless: Path) -> None:
    code = (
        "import sys, pathlib\nfrom library.parsing import Parser\nparser = Parser()\n"
        "parser.begin(pathlib.Path(sys.argv[1]), 'epub')\nprint(parser.pid, flush=True)\nparser.finish()"
    )
    owner = subprocess.Popen(
        [sys.executable, "-I", "-c", code, str(endless)], stdout=subprocess.PIPE, preexec_fn=ends_with_us()
    )
    with owner:
        assert owner.stdout is not None
        child = psutil.Process(int(owner.stdout.readline()))
        owner.kill()
    wait_until(lambda: is_gone(child), what="the orphan to end", seconds=60)


# --- A child that was taken over --------------------------------------------------------------------------------------


def message(said: Any, blobs: bytes = b"") -> bytes:
    content = said if isinstance(said, bytes) else json.dumps(said).encode()
    return LENGTH.pack(len(content)) + content + blobs


def whole_answer(**changed: Any) -> dict[str, Any]:
    said = {
        "metadata": as_json(Metadata(title="T")),
        "digests": ["a" * 64, "b" * 32, 5],
        "blobs": [],
        "resident": 0,
        "worked": 0.5,
    }
    return {**said, **changed}


def with_metadata(**changed: Any) -> dict[str, Any]:
    return whole_answer(metadata={**as_json(Metadata(title="T")), **changed})


NONSENSICAL = {
    "a length beyond all bounds": LENGTH.pack(2**32 - 1),
    "a length just beyond the bound": LENGTH.pack(ANSWER_LIMIT + 1),
    "no JSON": message(b"hello"),
    "deep JSON": message(b"[" * 100_000),
    "no UTF-8": message(b'{"a": "\xff"}'),
    "a list": message([1]),
    "an empty object": message({}),
    "no metadata": message(whole_answer(metadata=None)),
    "a number without end": message(with_metadata(series_index=math.inf)),
    "a whole number that no float holds": message(with_metadata(series_index=10**400)),
    "a negative count": message(with_metadata(pages=-1)),
    "people who are texts": message(with_metadata(contributors="abc")),
    "people who are an object": message(with_metadata(contributors={"a": 1})),
    "a digest that is none": message(whole_answer(digests=["../../x", "b" * 32, 5])),
    "an error number beyond all bounds": message({"errno": 10**30, "resident": 0, "worked": 0.5}),
    "an error number that is none": message({"errno": math.nan, "resident": 0, "worked": 0.5}),
    "a refusal that is no text": message({"refused": {"a": 1}, "code": "x", "resident": 0, "worked": 0.5}),
    "three images": message(whole_answer(blobs=[1, 1, 1]), b"abc"),
    "an image of a negative length": message(whole_answer(blobs=[-1, 5])),
    "an image beyond the bound": message(whole_answer(blobs=[BLOB_LIMIT + 1, 5])),
    "images that are no list": message(whole_answer(blobs=5)),
    "a memory that is none": message(whole_answer(resident="much")),
    "a time that is none": message(whole_answer(worked=math.inf)),
    "half an answer": message(whole_answer())[:-5],
    "nothing": b"",
}


@pytest.fixture
def impostor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has a program stand in the child's place that says it is ready, takes a request, and then does or says this."""

    def stand_in(answer: bytes | str) -> None:
        if isinstance(answer, bytes):
            (tmp_path / "answer").write_bytes(answer)
            answer = "say(open(sys.argv[2], 'rb').read())"
        code = (
            "import sys, struct\nout = sys.stdout.buffer\n"
            "def say(content):\n    out.write(content)\n    out.flush()\n"
            "say(bytes.fromhex(sys.argv[1]))\n"
            "head = sys.stdin.buffer.read(4)\nsys.stdin.buffer.read(struct.unpack('!I', head)[0])\n"
        )
        arguments = [message(READY).hex(), str(tmp_path / "answer")]
        monkeypatch.setattr(parsing, "COMMAND", [sys.executable, "-I", "-c", code + answer, *arguments])

    return stand_in


@pytest.mark.parametrize("answer", NONSENSICAL.values(), ids=NONSENSICAL.keys())
def test_an_answer_that_means_nothing_fails_that_file_alone(
    parser: Parser, small_book: Path, impostor: Callable[..., None], monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    impostor(answer)
    assert refusal(parser, small_book).startswith("This file could not be read: ")
    assert parser.pid is None
    monkeypatch.undo()
    assert parser.read(small_book, "epub").metadata.title == "Small"


def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next_file(
    parser: Parser, small_book: Path, impostor: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    impostor(message(whole_answer()) + message(with_metadata(title="Somebody else's")))
    assert parser.read(small_book, "epub").metadata.title == "T"
    monkeypatch.undo()
    assert parser.read(small_book, "epub").metadata.title == "Small"


def test_images_that_are_no_webp_are_not_kept(parser: Parser, small_book: Path, impostor: Callable[..., None]) -> None:
    html = b"<script>alert(1)</script>"
    impostor(message(whole_answer(blobs=[len(WEBP), len(html)]), WEBP + html))
    assert parser.read(small_book, "epub").thumbnails is None


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
ITEMS = st.dictionaries(st.sampled_from(["name", "role", "sort_name", "scheme", "value"]), st.text())


@given(st.sampled_from(sorted(as_json(Metadata()))), ANY_JSON | st.lists(ITEMS, max_size=99) | st.text(max_size=3000))
def test_whatever_a_field_holds_it_is_bounded_or_refused(field: str, value: Any) -> None:
    said = json.loads(json.dumps(with_metadata(**{field: value})))
    try:
        found = outcome(said, [])
    except NONSENSE:
        return
    assert isinstance(found, Parsed)
    metadata = found.metadata
    one_line = [metadata.title, metadata.sort_title, metadata.series, metadata.publisher, metadata.language]
    one_line += [*metadata.subjects, *metadata.warnings, *(person.name for person in metadata.contributors)]
    assert all(len(text) <= TITLE_LENGTH and text.isprintable() for text in one_line if text.isascii())
    assert all(len(person.name) <= NAME_LENGTH and len(person.role) <= 10 for person in metadata.contributors)
    assert len(metadata.description) <= DESCRIPTION_LENGTH
    assert not any(bad in text for text in (*one_line, metadata.description) for bad in ("\x00", "\ud800"))
    assert len(metadata.contributors) <= 50 >= len(metadata.subjects)
    assert len(metadata.published) <= 10
    for number in (metadata.series_index, metadata.pages, metadata.characters):
        assert number is None or abs(number) <= max(INDEX_LIMIT, 2**31)
    json.dumps(as_json(metadata), allow_nan=False).encode()


@given(ANY_JSON)
def test_whatever_an_answer_is_it_is_an_outcome_or_nonsense(said: Any) -> None:
    for kind in ("refused", "exhausted", "lacking", "failed", "errno", "digests"):
        try:
            found = outcome(json.loads(json.dumps({kind: said, "code": said})), [])
        except NONSENSE:
            continue
        assert isinstance(found, LibraryError | OSError)
        assert len(str(found)) <= 600


# --- All the hostile files --------------------------------------------------------------------------------------------


def peak_bytes(process: psutil.Process) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


@pytest.mark.corpus
@pytest.mark.parametrize("folder", ["", "hostile"])
def test_every_file_ends_in_bounded_time_and_memory_by_what_its_manifest_says(
    parser: Parser, shared_books: Path, folder: str
) -> None:
    described = json.loads((shared_books / folder / "MANIFEST.json").read_text())["files"]
    books = [file for file in described if format_of(file["path"])]
    assert len(books) == {"": 28, "hostile": 80}[folder]
    peak, sentences = 0, {}
    for file in books:
        wished = file["expected"]["outcome"] if folder else "accept"
        began = time.monotonic()
        try:
            parser.read(shared_books / folder / file["path"], str(format_of(file["path"])))
            got = "accept"
        except NotAnEbook as error:
            got, sentences[file["path"]] = "reject", error.sentence
        assert wished in (got, "either"), file["path"]
        assert time.monotonic() - began < FILE_TAKES_SECONDS, file["path"]
        peak = max(peak, peak_bytes(child_of(parser)) if parser.pid else 0)
    assert [sentence for sentence in sentences.values() if not sentence.endswith(".")] == []
    assert 0 < peak < DATA_BYTES + LIBRARIES_BYTES
    sys.stdout.write(f"The child's peak was {peak // 2**20} MiB.\n")
