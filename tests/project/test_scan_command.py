"""What `tome scan --wait` says once a scan is over."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import click
import pytest
from django.utils import timezone

from library.models import Import, Scan
from library.scanning import queue_scan, scan_report
from project.cli.library import follow, tell

pytestmark = pytest.mark.django_db

Said = Callable[[], tuple[list[str], list[str]]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """The lines on stdout and on stderr."""

    def lines() -> tuple[list[str], list[str]]:
        shown = capsys.readouterr()
        return shown.out.splitlines(), shown.err.splitlines()

    return lines


def finished(**columns: Any) -> Scan:
    now = timezone.now()
    made = {"state": "finished", "started_at": now - timedelta(seconds=4), "finished_at": now, **columns}
    Scan.objects.filter(pk=(scan := queue_scan()).pk).update(**made)
    return scan


def test_counts_and_failures_stand_on_stdout_and_the_rate_on_stderr(said: Said) -> None:
    scan = finished(seen=10)
    for number in range(8):
        state, reason = ("failed", "It is broken.") if number < 2 else ("imported", "")
        Import.objects.create(path=f"{9 - number}.epub", state=state, reason=reason, scan=scan)
    tell(scan_report(scan))
    out, err = said()
    assert out == ["10 seen, 6 imported, 2 failed.", "8.epub: It is broken.", "9.epub: It is broken."]
    assert err == ["It took 4 s, 2 files/s."]


def test_what_else_is_worth_knowing_stands_on_stderr(said: Said) -> None:
    scan = finished(
        seen=1,
        notices=["The folder share is empty now."],
        left_out={"count": 3, "paths": ["a.docx", "b.zip"]},
    )
    Import.objects.create(path="a.epub", state="imported", warnings=["Its cover is missing."], scan=scan)
    tell(scan_report(scan))
    out, err = said()
    assert out == ["1 seen, 1 imported, 0 failed."]
    assert err[:-1] == [
        "The folder share is empty now.",
        "Left out, because they are no books: a.docx, b.zip and 1 more.",
        "1 file came in although something in it is wrong.",
    ]


def test_several_files_with_warnings_are_counted(said: Said) -> None:
    scan = finished(seen=2)
    for name in ("a.epub", "b.epub"):
        Import.objects.create(path=name, state="imported", warnings=["Its cover is missing."], scan=scan)
    tell(scan_report(scan))
    assert said()[1][0] == "2 files came in although something in them is wrong."


def test_a_scan_with_nothing_to_do_says_no_more_than_that(said: Said) -> None:
    tell(follow(finished(seen=3)))
    out, err = said()
    assert out == ["3 seen, 0 imported, 0 failed."]
    assert "files/s" not in "".join(err)


def test_a_scan_that_failed_ends_with_its_reason() -> None:
    with pytest.raises(click.ClickException, match="Is its disk mounted"):
        follow(finished(state="failed", reason="No book was found. Is its disk mounted?"))
