"""`tome scan`."""

import sys
import time
from typing import TYPE_CHECKING

import click

from project.cli.django import use_django
from project.cli.shown import printable

if TYPE_CHECKING:
    from library.models import Scan
    from library.scanning import ScanReport

LOOK_EVERY_SECONDS = 0.3
# Asking takes longer the more files there are; it may have this share of the time at most.
LOOKING_SHARE = 0.1
# A worker takes a message within milliseconds; after this long without one it is worth asking whether there is any.
WORKER_SHOULD_BEGIN_WITHIN_SECONDS = 10.0


@click.command()
@click.argument("path", required=False, default="")
@click.option("--wait", is_flag=True, help="Show a progress bar, and end when everything is imported.")
def scan(path: str, wait: bool) -> None:
    """Import what is new or changed in the library folder, or in PATH, a folder given from the library folder on."""
    use_django()
    from library.errors import LibraryError
    from library.scanning import queue_scan
    from workers.broker import broker_answers
    from workers.enqueue import publish_now
    from workers.library import scan as scan_task

    if not broker_answers():
        raise click.ClickException("No service runs on this data folder; start one with `tome up`.")
    try:
        queued = queue_scan(path)
    except LibraryError as error:
        raise click.ClickException(error.sentence) from None
    publish_now(scan_task, queued.pk)
    if wait:
        tell(follow(queued))
    else:
        click.echo("The scan has begun; `tome scan --wait` would have shown how it goes.", err=True)


def follow(scan: "Scan") -> "ScanReport":
    """Draw progress on stderr until the scan is over; what became of it. A ClickException if it failed."""
    from library.models import Scan
    from library.scanning import scan_report

    began_at = time.monotonic()
    ask_at = began_at + WORKER_SHOULD_BEGIN_WITHIN_SECONDS
    with click.progressbar(length=1, label="Importing", file=sys.stderr) as bar:
        while True:
            asked_at = time.monotonic()
            report = scan_report(scan)
            took = time.monotonic() - asked_at
            is_over = report.state in (Scan.State.FINISHED, Scan.State.FAILED)
            if sys.stderr.isatty():  # elsewhere each new label would be another line
                bar.label = f"Importing, {rate(report.imported + report.failed, asked_at - began_at)}"
            bar.length = max(1, report.seen)
            bar.update((bar.length if is_over else max(0, report.seen - report.waiting)) - bar.pos)
            if is_over:
                break
            if report.state == Scan.State.QUEUED and asked_at > ask_at:
                ensure_worker_serves_library()
                ask_at = asked_at + WORKER_SHOULD_BEGIN_WITHIN_SECONDS
            time.sleep(max(LOOK_EVERY_SECONDS, took / LOOKING_SHARE))
    if report.state == Scan.State.FAILED:
        raise click.ClickException(report.reason)
    return report


def rate(files: int, seconds: float) -> str:
    return f"{files / max(seconds, 0.001):.0f} files/s"


def tell(report: "ScanReport") -> None:
    """The counts and what failed on stdout, for scripts too; what else is worth knowing on stderr."""
    from library.scanning import failures, with_warnings

    click.echo(f"{report.seen} seen, {report.imported} imported, {report.failed} failed.")
    for path, sentence in failures(report.scan):
        click.echo(printable(f"{path}: {sentence}"))
    for notice in report.notices:
        click.echo(printable(notice), err=True)
    if report.left_out:
        more = report.left_out - len(report.left_out_paths)
        named = ", ".join(map(printable, report.left_out_paths)) + (f" and {more} more" if more > 0 else "")
        click.echo(f"Left out, because they are no books: {named}.", err=True)
    if flawed := with_warnings(report.scan):
        files, them = ("1 file", "it") if flawed == 1 else (f"{flawed} files", "them")
        click.echo(f"{files} came in although something in {them} is wrong.", err=True)
    if report.started_at and report.finished_at and (read := report.imported + report.failed):
        seconds = (report.finished_at - report.started_at).total_seconds()
        click.echo(f"It took {seconds:.0f} s, {rate(read, seconds)}.", err=True)


def ensure_worker_serves_library() -> None:
    from project.doctor import queues_are_served

    finding = queues_are_served()
    if finding.verdict == "wrong":
        raise click.ClickException(f"The scan is queued, but nobody takes it up. {finding.sentence}")
