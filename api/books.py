"""Books coming in: uploads, and how far a scan is."""

from django.http import HttpRequest
from ninja import File, Router, Schema, Status
from ninja.errors import HttpError
from ninja.files import UploadedFile

from api.auth import web_or_key
from library.errors import LibraryError, TooLarge
from library.scanning import latest_scan, scan_report
from library.uploads import accept_upload
from reading.payload import shown_time
from workers.enqueue import enqueue
from workers.library import import_queued

router = Router(auth=web_or_key)


class Accepted(Schema):
    id: int


class ScanOut(Schema):
    state: str
    seen: int
    imported: int
    failed: int
    waiting: int | None = None  # files that are still to be imported, while there are any
    notices: list[str] | None = None  # sentences for a person, if there are any
    reason: str | None = None  # why the scan itself failed
    started_at: str | None = None
    finished_at: str | None = None


@router.post("/books", response={202: Accepted})
def post_book(request: HttpRequest, file: File[UploadedFile]) -> Status[Accepted]:
    """Take a book into the library folder and have it imported."""
    try:
        row = accept_upload(file.name or "", file.chunks())
    except TooLarge as error:
        raise HttpError(413, str(error)) from None
    except LibraryError as error:
        raise HttpError(415, str(error)) from None
    enqueue(import_queued)
    return Status(202, Accepted(id=row.pk))


@router.get("/library/scan", response=ScanOut, exclude_none=True)
def get_scan(request: HttpRequest) -> ScanOut:
    """How far the scan that is under way is, or what became of the last one."""
    scan = latest_scan()
    if scan is None:
        return ScanOut(state="idle", seen=0, imported=0, failed=0)
    report = scan_report(scan)
    return ScanOut(
        state=report.state,
        seen=report.seen,
        imported=report.imported,
        failed=report.failed,
        waiting=report.waiting or None,
        notices=report.notices or None,
        reason=report.reason or None,
        started_at=shown_time(report.started_at) if report.started_at else None,
        finished_at=shown_time(report.finished_at) if report.finished_at else None,
    )
