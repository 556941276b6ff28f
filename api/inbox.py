"""Books that a reader wants on their device."""

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema
from ninja.errors import HttpError

from api.auth import reader_of
from library.inbox import mark_delivered, open_items

router = Router()


class InboxItemOut(Schema):
    id: int
    book: dict[str, Any]  # as in a manifest, see library.manifests


class InboxOut(Schema):
    items: list[InboxItemOut]


class Done(Schema):
    ok: bool = True


@router.get("/tome-sync/inbox", response=InboxOut)
def get_inbox(request: HttpRequest) -> dict[str, Any]:
    """What waits for this reader's device, oldest first."""
    return {"items": open_items(reader_of(request))}


@router.post("/tome-sync/inbox/{item_id}/delivered", response=Done)
def post_delivered(request: HttpRequest, item_id: int) -> Done:
    """The device has the book; saying it again changes nothing."""
    if not mark_delivered(reader_of(request), item_id):
        raise HttpError(404, "There is no such item in the inbox.")
    return Done()
