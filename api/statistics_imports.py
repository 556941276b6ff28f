"""KOReader's own statistics coming in: uploads of `statistics.sqlite3`, and how far each import is."""

from django.http import HttpRequest
from ninja import File, Router, Schema, Status
from ninja.errors import HttpError
from ninja.files import UploadedFile

from api.auth import reader_of, web_or_key
from api.books import Accepted
from library.errors import LibraryError, TooLarge
from reading.models import DeviceFile, StatisticsImport
from reading.payload import shown_time
from reading.statistics_import import imports_of, unknown_files
from reading.statistics_uploads import queue_statistics
from workers.enqueue import enqueue
from workers.library import import_statistics

router = Router(auth=web_or_key)

SHOWN = 100  # imports, the latest first; nobody looks for an older one


class ImportOut(Schema):
    id: int
    filename: str
    state: str
    reason: str | None = None  # why it failed
    books_seen: int
    books_unknown: int  # while it was imported; books may have come since
    rows_total: int
    rows_done: int
    sessions_stored: int  # new ones, and known ones that went on
    sessions_known: int
    sessions_flagged: int
    created_at: str
    finished_at: str | None = None


class UnknownFile(Schema):
    id: int
    title: str | None = None
    authors: list[str] | None = None
    ko_md5: str | None = None


def shown(row: StatisticsImport) -> ImportOut:
    return ImportOut(
        id=row.pk,
        filename=row.filename,
        state=row.state,
        reason=row.reason or None,
        books_seen=row.books_seen,
        books_unknown=row.books_unknown,
        rows_total=row.rows_total,
        rows_done=row.rows_done,
        sessions_stored=row.sessions_stored,
        sessions_known=row.sessions_known,
        sessions_flagged=row.sessions_flagged,
        created_at=shown_time(row.created_at),
        finished_at=shown_time(row.finished_at) if row.finished_at else None,
    )


def shown_file(file: DeviceFile) -> UnknownFile:
    return UnknownFile(
        id=file.pk,
        title=file.title or None,
        authors=file.authors.splitlines() or None,
        ko_md5=file.ko_md5 or None,
    )


def import_of(request: HttpRequest, import_id: int) -> StatisticsImport:
    row = imports_of(reader_of(request)).filter(pk=import_id).first()
    if row is None:
        raise HttpError(404, "There is no such import.")
    return row


@router.post("/stats/imports", response={202: Accepted})
def post_import(request: HttpRequest, file: File[UploadedFile]) -> Status[Accepted]:
    """Take a `statistics.sqlite3` and have it imported. The same one again changes nothing."""
    try:
        row = queue_statistics(reader_of(request), file.chunks(), file.name or "")
    except TooLarge as error:
        raise HttpError(413, str(error)) from None
    except LibraryError as error:
        raise HttpError(415, str(error)) from None
    enqueue(import_statistics)
    return Status(202, Accepted(id=row.pk))


@router.get("/stats/imports", response=list[ImportOut], exclude_none=True)
def get_imports(request: HttpRequest) -> list[ImportOut]:
    """What the reader imported, the latest first."""
    return [shown(row) for row in imports_of(reader_of(request))[:SHOWN]]


@router.get("/stats/imports/{int:import_id}", response=ImportOut, exclude_none=True)
def get_import(request: HttpRequest, import_id: int) -> ImportOut:
    """How far an import is, or what became of it."""
    return shown(import_of(request, import_id))


@router.get("/stats/imports/{int:import_id}/unknown", response=list[UnknownFile], exclude_none=True)
def get_unknown_files(request: HttpRequest, import_id: int) -> list[UnknownFile]:
    """The files in it that are no known book now; their sessions count as soon as they are."""
    return [shown_file(file) for file in unknown_files(import_of(request, import_id))]
