"""Books that a reader wants on their device."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import Reader
from library.manifests import entries_of
from library.models import Book, InboxItem
from library.queries import standing_book


@transaction.atomic
def send_to_inbox(reader: Reader, book: Book) -> InboxItem:
    """Have the book offered to the reader's devices; asking again while it waits changes nothing."""
    # The reader's row is locked, or the same tap sent twice at once would put in two.
    Reader.objects.select_for_update().get(pk=reader.pk)
    book = standing_book(book)
    waiting = InboxItem.objects.filter(reader=reader, book=book, delivered_at=None).first()
    return waiting or InboxItem.objects.create(reader=reader, book=book)


def open_items(reader: Reader) -> list[dict[str, Any]]:
    """What waits for delivery as `{id, book}`, oldest first; `book` as in a manifest. Books without a file wait on."""
    rows = InboxItem.objects.filter(reader=reader, delivered_at=None).order_by("id").values_list("id", "book_id")
    items = list(rows)
    entries = entries_of(reader, sorted({book_id for _, book_id in items}))
    return [
        {"id": item_id, "book": entries[book_id]} for item_id, book_id in items if "file" in entries.get(book_id, {})
    ]


def mark_delivered(reader: Reader, item_id: int) -> bool:
    """Take an item out of the inbox. True, however often it is said; False if this reader has no such item."""
    mine = InboxItem.objects.filter(pk=item_id, reader=reader)
    return bool(mine.filter(delivered_at=None).update(delivered_at=timezone.now()) or mine.exists())
