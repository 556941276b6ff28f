"""The library to look through: books, series and authors."""

from typing import Any

from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts.models import Reader
from library.catalogue import (
    INITIALS,
    authors_by_name,
    book_types,
    books_by_title,
    books_of_author,
    books_of_series,
    newest_books,
    search_books,
    series_by_name,
)
from library.covers import cover_url
from library.errors import LibraryError
from library.manifests import files_in_order
from library.models import AUTHOR, Author, Authorship, Book, BookType, Manifest, Series
from library.queries import books_visible_to, standing_ids, with_details
from reading.models import BookStatus, Position, StatusState
from web.rendering import page, reader_of, show
from web.shelf import place_in_series, shelf, waiting_books
from web.words import FORMATS, KINDS, ROLES, TYPES

NEWEST = "newest"  # the other order than that by title
SEARCH_LENGTH = 200
NO_SUCH_BOOK = "There is no such book. It may have been removed from the library."


@page
def books(request: HttpRequest) -> HttpResponse:
    """All books, in one of two orders, or those that are searched for."""
    reader, asked = reader_of(request), request.GET
    text, order, after = asked.get("q", "").strip()[:SEARCH_LENGTH], asked.get("order", ""), asked.get("after", "")
    book_type, initial = asked.get("type", ""), asked.get("initial", "")
    if book_type and book_type not in BookType.values:
        raise LibraryError(f"There are no books of the type {book_type}; there are {', '.join(BookType.values)}.")
    if text:
        found = search_books(reader, text, after=after)
    elif order == NEWEST:
        found = newest_books(reader, after=after)
    else:
        found = books_by_title(reader, book_type=book_type, initial=initial, after=after)
    context = {
        "books": shelf(reader, found.items),
        "next": found.next,
        "is_continued": bool(after),
        "q": text,
        "is_newest": order == NEWEST and not text,
        "types": [(each.value, TYPES[each]) for each in book_types(reader)],
        "type": book_type,
        "initials": _initials(initial),
        "initial": initial,
    }
    return show(request, "web/books.html", context)


@page
def book(request: HttpRequest, book_id: int) -> HttpResponse:
    """All of a book, and where the reader is in it."""
    reader = reader_of(request)
    shown = with_details(books_visible_to(reader).filter(pk=book_id).defer("edits")).first()
    if shown is None:
        if stands_for := standing_ids([book_id]):  # an old address of one that was merged into another
            return redirect("book", book_id=stands_for[book_id])
        raise Http404(NO_SUCH_BOOK)
    people = shown.authorships.all()
    context = {
        "book": shown,
        "cover": cover_url(shown, size="large"),
        "authors": [each.author for each in people if each.role == AUTHOR],
        "others": [(each.author.name, ROLES.get(each.role, "")) for each in people if each.role != AUTHOR],
        "place_in_series": place_in_series(shown.series.name if shown.series else "", shown.series_index),
        "kind": KINDS[BookType(shown.book_type)],
        "files": [
            {
                "id": file.pk,
                "format": FORMATS.get(file.format, file.format),
                "size": file.size,
                "name": file.path.rpartition("/")[2],
            }
            for file in files_in_order(shown, reader.formats)
        ],
        "paragraphs": [line for line in shown.description.splitlines() if line.strip()],
        "is_waiting": bool(waiting_books(reader, [shown.pk])),
        "reading": _reading(reader, shown),
    }
    return show(request, "web/book.html", context)


@page
def series_list(request: HttpRequest) -> HttpResponse:
    reader, initial, after = reader_of(request), request.GET.get("initial", ""), request.GET.get("after", "")
    found = series_by_name(reader, initial=initial, after=after)
    context = {
        "series": [
            {
                "id": each.series_id,
                "name": each.name,
                "author": each.author,
                "book_count": each.book_count,
                "kind": KINDS[BookType(each.book_type)],
                "cover": cover_url(each.first_book, size="small"),
            }
            for each in found.items
        ],
        "next": found.next,
        "is_continued": bool(after),
        "initials": _initials(initial),
        "initial": initial,
    }
    return show(request, "web/series_list.html", context)


@page
def series(request: HttpRequest, series_id: int) -> HttpResponse:
    """The volumes of a series in their order."""
    reader, after = reader_of(request), request.GET.get("after", "")
    shown = Series.objects.filter(pk=series_id).first()
    book_count = books_visible_to(reader).filter(series=shown).count() if shown else 0
    if shown is None or not book_count:
        raise Http404("There is no such series. Its books may have been removed, or it has another name now.")
    found = books_of_series(reader, shown, after=after)
    manifest = Manifest.objects.filter(series=shown).only("author", "book_type").first()
    context = {
        "series": shown,
        "books": shelf(reader, found.items),
        "next": found.next,
        "is_continued": bool(after),
        "book_count": book_count,
        "author": manifest.author if manifest else "",
        "kind": KINDS[BookType(manifest.book_type)] if manifest else "",
    }
    return show(request, "web/series.html", context)


@page
def author_list(request: HttpRequest) -> HttpResponse:
    reader, initial, after = reader_of(request), request.GET.get("initial", ""), request.GET.get("after", "")
    found = authors_by_name(reader, initial=initial, after=after)
    counts = dict(
        Authorship.objects.filter(author__in=found.items, role=AUTHOR, book__in=books_visible_to(reader))
        .values_list("author")
        .annotate(Count("book"))
    )
    context = {
        "authors": [{"id": each.pk, "name": each.name, "book_count": counts.get(each.pk, 0)} for each in found.items],
        "next": found.next,
        "is_continued": bool(after),
        "initials": _initials(initial),
        "initial": initial,
    }
    return show(request, "web/author_list.html", context)


@page
def author(request: HttpRequest, author_id: int) -> HttpResponse:
    """What somebody wrote."""
    reader, after = reader_of(request), request.GET.get("after", "")
    shown = Author.objects.filter(pk=author_id).first()
    found = books_of_author(reader, shown, after=after) if shown else None
    if shown is None or found is None or not (found.items or after):
        raise Http404("There are no books of such an author.")
    context = {
        "author": shown,
        "books": shelf(reader, found.items),
        "next": found.next,
        "is_continued": bool(after),
    }
    return show(request, "web/author.html", context)


def _initials(chosen: str) -> list[dict[str, Any]]:
    """What names begin with, each as it is shown and as it is read out."""
    said = {"0": ("0–9", "a digit"), INITIALS[-1]: ("…", "another letter")}
    return [
        {"value": each, "shown": said.get(each, (each.upper(), each.upper())), "is_chosen": each == chosen}
        for each in INITIALS
    ]


def _reading(reader: Reader, book: Book) -> dict[str, Any]:
    """How far the reader is; empty if they have not begun."""
    place = Position.objects.filter(reader=reader, book=book, is_cleared=False).first()
    status = BookStatus.objects.filter(reader=reader, book=book).first()
    if place is None and status is None:
        return {}
    finished_at = status.finished_at if status and status.state == StatusState.READ else None
    return {
        "is_read": status is not None and status.state == StatusState.READ,
        "finished_at": finished_at,
        "percent": round(place.percentage * 100) if place else None,
        "device": place.device_name if place else "",
        "read_at": place.read_at if place else None,
    }
