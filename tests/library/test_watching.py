import shutil
from pathlib import Path

import pytest

from library.watching import PATHS_LIMIT, STABLE_SECONDS, Changes, scope_of


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float = STABLE_SECONDS) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def changes(tmp_path: Path, clock: Clock) -> Changes:
    return Changes(tmp_path, clock=clock)


def write(path: Path, content: bytes = b"x") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(content)
    return str(path)


def test_a_file_is_ready_once_it_has_not_grown_for_a_while(changes: Changes, clock: Clock, tmp_path: Path) -> None:
    changes.note(write(tmp_path / "a" / "b.epub"), is_new=True)
    assert changes.take_ready() == []
    clock.pass_by(STABLE_SECONDS / 2)
    write(tmp_path / "a" / "b.epub")  # nobody tells of this: a poll may miss it
    clock.pass_by()
    assert changes.take_ready() == []
    clock.pass_by(STABLE_SECONDS / 2)
    assert changes.take_ready() == []
    clock.pass_by(STABLE_SECONDS / 2)
    assert changes.take_ready() == ["a/b.epub"]
    assert (changes.take_ready(), len(changes)) == ([], 0)


def test_each_further_change_begins_the_wait_anew(changes: Changes, clock: Clock, tmp_path: Path) -> None:
    for _ in range(3):
        changes.note(write(tmp_path / "b.epub"), is_new=False)
        clock.pass_by(STABLE_SECONDS * 0.9)
        assert changes.take_ready() == []
    clock.pass_by(STABLE_SECONDS * 0.2)
    assert changes.take_ready() == ["b.epub"]


def test_a_file_that_is_complete_does_not_wait_for_one_that_is_not(
    changes: Changes, clock: Clock, tmp_path: Path
) -> None:
    changes.note(write(tmp_path / "done.epub"), is_new=True)
    changes.note(write(tmp_path / "growing.epub"), is_new=True)
    clock.pass_by()
    changes.note(write(tmp_path / "growing.epub"), is_new=False)
    assert changes.take_ready() == ["done.epub"]


@pytest.mark.parametrize(
    "name",
    [".hidden.epub", "a.sdr/metadata.epub.lua", "a.sdr/x.epub", "@eaDir/a.epub", "a.epub.part", "cover.jpg", "a.docx"],
)
def test_what_is_no_book_is_passed_over(changes: Changes, clock: Clock, tmp_path: Path, name: str) -> None:
    changes.note(write(tmp_path / name), is_new=True)
    assert len(changes) == 0


def test_what_is_elsewhere_or_the_library_itself_is_passed_over(changes: Changes, tmp_path: Path) -> None:
    changes.note(str(tmp_path), is_new=True)
    changes.note(str(tmp_path.parent / "a.epub"), is_new=True)
    assert len(changes) == 0


def test_a_partial_file_that_gets_its_name_is_waited_for(changes: Changes, clock: Clock, tmp_path: Path) -> None:
    changes.note(write(tmp_path / "a.epub.part"), is_new=True)
    (tmp_path / "a.epub.part").rename(tmp_path / "a.epub")
    changes.note(str(tmp_path / "a.epub.part"), is_new=False)
    changes.note(str(tmp_path / "a.epub"), is_new=True)
    clock.pass_by()
    assert changes.take_ready() == ["a.epub"]


def test_a_renamed_file_is_handed_out_with_the_path_that_it_left(
    changes: Changes, clock: Clock, tmp_path: Path
) -> None:
    write(tmp_path / "old.epub")
    (tmp_path / "old.epub").rename(tmp_path / "new.epub")
    changes.note(str(tmp_path / "old.epub"), is_new=False)
    changes.note(str(tmp_path / "new.epub"), is_new=True)
    assert changes.take_ready() == []
    clock.pass_by()
    assert changes.take_ready() == ["new.epub", "old.epub"]


def test_of_a_new_folder_the_files_are_waited_for_one_by_one(changes: Changes, clock: Clock, tmp_path: Path) -> None:
    write(tmp_path / "new" / "deep" / "a.epub")
    write(tmp_path / "new" / "b.cbz")
    write(tmp_path / "new" / "cover.jpg")
    write(tmp_path / "new" / "b.sdr" / "c.epub")
    changes.note(str(tmp_path / "new"), is_new=True)
    clock.pass_by()
    write(tmp_path / "new" / "b.cbz")
    assert changes.take_ready() == ["new/deep/a.epub"]


def test_a_folder_that_merely_changed_is_passed_over(changes: Changes, tmp_path: Path) -> None:
    write(tmp_path / "folder" / "a.epub")
    changes.note(str(tmp_path / "folder"), is_new=False)
    assert len(changes) == 0


def test_what_is_gone_may_have_been_a_folder_but_not_a_picture(changes: Changes, clock: Clock, tmp_path: Path) -> None:
    write(tmp_path / "Vol. 1" / "a.epub")
    shutil.rmtree(tmp_path / "Vol. 1")
    changes.note(str(tmp_path / "Vol. 1"), is_new=False)
    changes.note(str(tmp_path / "cover.jpg"), is_new=False)
    clock.pass_by()
    assert changes.take_ready() == ["Vol. 1"]


def test_what_is_put_back_is_handed_out_again(changes: Changes, clock: Clock, tmp_path: Path) -> None:
    changes.put_back([Path(write(tmp_path / "a.epub")).name])
    assert changes.take_ready() == []
    clock.pass_by()
    assert changes.take_ready() == ["a.epub"]


def test_many_paths_become_the_folder_that_holds_them_all() -> None:
    few = [f"a/b/{number}.epub" for number in range(PATHS_LIMIT)]
    assert scope_of(few) == few
    assert scope_of([*few, "a/b/c/1.epub"]) == ["a/b"]
    assert scope_of([*few, "a/bc/1.epub"]) == ["a"]
    assert scope_of([*few, "c.epub"]) == [""]
