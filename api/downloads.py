"""The bytes of books' files."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from ninja import Router
from ninja.errors import HttpError

from api.auth import reader_of, web_or_key
from library.downloads import FileIsGone, NoSuchFile
from library.sending import file_response
from workers.enqueue import enqueue
from workers.library import scan

router = Router(auth=web_or_key)


@router.get("/tome-sync/download/{int:book_id}/{int:file_id}")
def get_download(request: HttpRequest, book_id: int, file_id: int) -> HttpResponseBase:
    """A book's file, whole or a range of it; its ETag is its SHA-256."""
    try:
        return file_response(request, reader_of(request), book_id, file_id)
    except FileIsGone as error:
        enqueue(scan)
        raise HttpError(404, error.sentence) from None
    except NoSuchFile as error:
        raise HttpError(404, error.sentence) from None
