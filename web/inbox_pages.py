"""What a reader wants on their device: the page that shows it, and the buttons that put books there."""

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from accounts.models import Reader
from library.catalogue import listed_from_ids
from library.inbox import mark_delivered, send_to_inbox
from library.models import InboxItem, Series
from library.queries import LARGEST_ID, books_visible_to, visible_book
from web.library_pages import NO_SUCH_BOOK
from web.rendering import origin_of, page, reader_of, show, way_back
from web.shelf import shelf, waiting_books

SHOWN_AT_MOST = 200


@page
def inbox(request: HttpRequest) -> HttpResponse:
    """What waits, oldest first."""
    reader = reader_of(request)
    waiting = InboxItem.objects.filter(reader=reader, delivered_at=None).order_by("id")
    rows = list(waiting.values_list("id", "book_id")[: SHOWN_AT_MOST + 1])
    books = {book.id: book for book in shelf(reader, listed_from_ids(reader, [book_id for _, book_id in rows]))}
    context = {
        "items": [
            # A book whose files are gone for now waits on, but there is nothing that could be shown of it.
            {"id": item_id, "book": books.get(book_id)}
            for item_id, book_id in rows[:SHOWN_AT_MOST]
        ],
        "is_longer": len(rows) > SHOWN_AT_MOST,
        "has_device": reader.devices.exists(),
        "address": origin_of(request),
    }
    return show(request, "web/inbox.html", context)


@page
def send(request: HttpRequest) -> HttpResponse:
    """Have a book, or all of a series, offered to the reader's devices. Sending again changes nothing."""
    if request.method != "POST":  # led here after a login in between
        return redirect("inbox")
    reader = reader_of(request)
    if "series" in request.POST:
        return _send_series(request, reader)
    book = visible_book(reader, _row_id(request, "book", NO_SUCH_BOOK))
    if book is None:
        raise Http404(NO_SUCH_BOOK)
    send_to_inbox(reader, book)
    messages.success(request, f"“{book.title}” is waiting for your device.")
    back = way_back(request, reverse("book", args=[book.pk]))
    return redirect(f"{back}#book-{book.pk}")


def _send_series(request: HttpRequest, reader: Reader) -> HttpResponse:
    series = Series.objects.filter(pk=_row_id(request, "series", "There is no such series.")).first()
    books = list(books_visible_to(reader).filter(series=series).order_by("series_index", "sort_key", "pk"))
    if series is None or not books:
        raise Http404("There is no such series.")
    waiting = waiting_books(reader, [book.pk for book in books])
    with transaction.atomic():  # once on disk for all of them
        for book in books:
            if book.pk not in waiting:
                send_to_inbox(reader, book)
    are_waiting = f"{len(books)} books are" if len(books) > 1 else "1 book is"
    messages.success(request, f"“{series.name}”: {are_waiting} waiting for your device.")
    return redirect(way_back(request, reverse("series", args=[series.pk])))


@page
def remove(request: HttpRequest) -> HttpResponse:
    """Take something out again."""
    if request.method == "POST":
        reader, no_such_item = reader_of(request), "That is not among the books for your device."
        item_id = _row_id(request, "item", no_such_item)
        if not mark_delivered(reader, item_id):
            raise Http404(no_such_item)
        title = InboxItem.objects.values_list("book__title", flat=True).get(pk=item_id)
        messages.success(request, f"“{title}” does not wait any longer.")
    return redirect("inbox")


def _row_id(request: HttpRequest, field: str, sentence: str) -> int:
    """The id that a form sends in this field; a 404 that says the sentence for what can be no id."""
    text = request.POST.get(field, "")
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= LARGEST_ID):
        raise Http404(sentence)
    return int(text)
