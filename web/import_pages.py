"""Bringing in what KOReader counted itself: the upload, and how far each import is."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from library.errors import LibraryError
from reading.models import StatisticsImport
from reading.statistics_import import imports_of, unknown_files, unusable_rows
from reading.statistics_uploads import LARGEST_BYTES, OPEN, queue_statistics
from web.rendering import page, reader_of, show
from workers.enqueue import enqueue
from workers.library import import_statistics

SHOWN_IMPORTS = 20
SHOWN_FILES = 100
NO_FILE = "Choose the file first: it is called statistics.sqlite3."


@page
def imports(request: HttpRequest) -> HttpResponse:
    """What was imported, and the form that takes another database."""
    if request.method != "POST":
        return _show_imports(request)
    file = request.FILES.get("file")
    if not isinstance(file, UploadedFile):
        return _show_imports(request, problem=NO_FILE)
    try:
        row = queue_statistics(reader_of(request), file.chunks(), file.name or "")
    except LibraryError as error:
        return _show_imports(request, problem=error.sentence)
    enqueue(import_statistics)
    messages.success(request, f"“{row.filename}” is here, and is being imported.")
    return redirect("stats-import")


def _show_imports(request: HttpRequest, *, problem: str = "") -> HttpResponse:
    rows = list(imports_of(reader_of(request))[:SHOWN_IMPORTS])
    shown = [_shown(row) for row in rows]
    context = {
        "imports": shown,
        "is_running": any(each["is_open"] for each in shown),
        "problem": problem,
        "largest_mib": min(LARGEST_BYTES, settings.MAX_UPLOAD_BYTES) // (1024 * 1024),
    }
    return show(request, "web/import.html", context, status=400 if problem else 200)


def _shown(row: StatisticsImport) -> dict[str, Any]:
    files = list(unknown_files(row)[: SHOWN_FILES + 1]) if row.books_unknown else []
    return {
        "row": row,
        "is_open": row.state in OPEN,
        "is_failed": row.state == StatisticsImport.State.FAILED,
        "percent": min(100, row.rows_done * 100 // max(1, row.rows_total)),
        "unusable": unusable_rows(row),
        "files": [
            {"title": file.shown_title, "authors": ", ".join(file.authors.splitlines())} for file in files[:SHOWN_FILES]
        ],
        "has_more_files": len(files) > SHOWN_FILES,
    }
