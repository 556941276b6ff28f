"""Which book a file on a device is: asking, and being told."""

from typing import Annotated

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import Field

from api.auth import reader_of
from api.fields import Authors, FileIn, FileMd5, Identifier, QueryCount, ShortText
from api.positions import book_or_404
from library.resolving import resolve
from reading.files import FileReport
from reading.links import link_file, link_to_none, unlink_file
from workers.enqueue import enqueue
from workers.reading import refresh

router = Router()


class FileQuery(Schema):
    filename: Annotated[ShortText, Field(min_length=1)]
    ko_md5: FileMd5 = ""
    size: QueryCount = None
    folder: ShortText = ""
    title: ShortText = ""
    authors: Authors = ""


class Resolved(Schema):
    book_id: int
    title: str
    series: str | None = None
    series_index: float | None = None
    method: str
    confidence: float


class CandidateOut(Schema):
    book_id: int
    title: str
    author: str | None = None
    series: str | None = None
    series_index: float | None = None
    reason: str


class Unresolved(Schema):
    detail: str
    candidates: list[CandidateOut]


class LinkIn(FileIn):
    filename: Annotated[ShortText, Field(min_length=1)]
    book_id: Identifier | None = None
    none: bool = False


class Linked(Schema):
    book_id: int | None = None


@router.get("/tome-sync/resolve", response={200: Resolved, 404: Unresolved}, exclude_none=True)
def get_resolve(request: HttpRequest, file: Query[FileQuery]) -> Status[Resolved | Unresolved]:
    """The book that a file is, with how that is known; or the books that it might be."""
    report = FileReport(file.filename, file.ko_md5, file.size, file.folder, file.title, file.authors)
    answer = resolve(reader_of(request), report.as_clue())
    if answer.book is not None:
        book = answer.book
        return Status(
            200,
            Resolved(
                book_id=book.pk,
                title=book.title,
                series=book.series.name if book.series else None,
                series_index=book.series_index if book.series else None,
                method=answer.method,
                confidence=answer.confidence,
            ),
        )
    candidates = [
        CandidateOut(
            book_id=candidate.book_id,
            title=candidate.title,
            author=candidate.author or None,
            series=candidate.series or None,
            series_index=candidate.series_index,
            reason=candidate.reason,
        )
        for candidate in answer.candidates
    ]
    detail = "Several books could be this file." if candidates else "No book of the library is this file."
    return Status(404, Unresolved(detail=detail, candidates=candidates))


@router.put("/tome-sync/link", response=Linked, exclude_none=True)
def put_link(request: HttpRequest, link: LinkIn) -> Linked:
    """Keep what the reader says about a file: that it is a book, that it is none, or that neither holds any more."""
    reader = reader_of(request)
    book = book_or_404(reader, link.book_id) if link.book_id is not None else None
    if book is not None:
        link_file(reader, link.as_report(), book)
    elif link.none:
        link_to_none(reader, link.as_report())
    else:
        unlink_file(reader, link.as_report())
    enqueue(refresh)
    return Linked(book_id=book.pk if book else None)
