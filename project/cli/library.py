"""`tome scan`."""

import sys
import time

import click

from project.cli.django import use_django

LOOK_EVERY_SECONDS = 0.3
# A worker takes a message within milliseconds; after this long without one it is worth asking whether there is any.
WORKER_SHOULD_BEGIN_WITHIN_SECONDS = 10.0


@click.command()
@click.argument("path", required=False, default="")
@click.option("--wait", is_flag=True, help="Show a progress bar, and end when everything is imported.")
def scan(path: str, wait: bool) -> None:
    """Import what is new or changed in the library folder, or in PATH, a folder given from the library folder on."""
    use_django()
    from library.errors import LibraryError
    from library.importing import queue_scan
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
        watch(queued.pk)
    else:
        click.echo("The scan has begun; `tome scan --wait` would have shown how it goes.", err=True)


def watch(scan_id: int) -> None:
    """Draw progress on stderr until the scan is over, then say on stdout what became of it."""
    from library.importing import scan_report
    from library.models import Scan

    scan = Scan.objects.get(pk=scan_id)
    ask_at = time.monotonic() + WORKER_SHOULD_BEGIN_WITHIN_SECONDS
    with click.progressbar(length=1, label="Importing", file=sys.stderr) as bar:
        while (report := scan_report(scan)).state not in (Scan.State.FINISHED, Scan.State.FAILED):
            bar.length = max(1, report.seen)
            bar.update(max(0, report.seen - report.waiting) - bar.pos)
            if report.state == Scan.State.QUEUED and time.monotonic() > ask_at:
                ensure_worker_serves_library()
                ask_at = time.monotonic() + WORKER_SHOULD_BEGIN_WITHIN_SECONDS
            time.sleep(LOOK_EVERY_SECONDS)
        bar.length = max(1, report.seen)
        bar.update(bar.length - bar.pos)
    if report.state == Scan.State.FAILED:
        raise click.ClickException(report.reason)
    click.echo(f"{report.seen} seen, {report.imported} imported, {report.failed} failed.")
    for path, sentence in report.failures:
        click.echo(f"{path}: {sentence}")


def ensure_worker_serves_library() -> None:
    from project.doctor import queues_are_served

    finding = queues_are_served()
    if finding.verdict == "wrong":
        raise click.ClickException(f"The scan is queued, but nobody takes it up. {finding.sentence}")
