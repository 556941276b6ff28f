"""A book's file for those who come without a device's key: catalogues' readers."""

from django.http import HttpRequest, HttpResponseNotFound
from django.http.response import HttpResponseBase

from accounts.models import Reader
from library import sending
from library.downloads import FileIsGone, NoSuchFile
from workers.enqueue import enqueue
from workers.library import scan


def file_response(request: HttpRequest, reader: Reader, book_id: int, file_id: int) -> HttpResponseBase:
    """As `library.sending.file_response`, where there is none a 404 with a sentence."""
    try:
        return sending.file_response(request, reader, book_id, file_id)
    except FileIsGone as error:
        enqueue(scan)
        return HttpResponseNotFound(error.sentence, content_type="text/plain; charset=utf-8")
    except NoSuchFile as error:
        return HttpResponseNotFound(error.sentence, content_type="text/plain; charset=utf-8")
