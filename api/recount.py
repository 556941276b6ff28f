"""How far the counting anew of a reader's days is, after their zone or the hour of their day changed."""

from django.http import HttpRequest
from ninja import Router, Schema, Status

from api.auth import reader_of, web_or_key
from reading.zones import recount_progress

router = Router(auth=web_or_key)


class RecountOut(Schema):
    done: int
    days: int


@router.get("/stats/recount", response={200: RecountOut, 204: None})
def get_recount(request: HttpRequest) -> Status[RecountOut | None]:
    """How many days are done, of how many; 204 while nothing is counted anew."""
    progress = recount_progress(reader_of(request))
    if progress is None:
        return Status(204, None)
    return Status(200, RecountOut(done=progress.done, days=progress.days))
