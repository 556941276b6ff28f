"""The KOReader plugin, baked for the reader who asks."""

import hashlib

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from ninja import Router, Schema
from ninja.errors import ValidationError

from api.auth import reader_of
from koplugin.packer import build_plugin, plugin_version
from library.sending import is_current

router = Router()

ARCHIVE_NAME = "tomesync.koplugin.zip"


class Version(Schema):
    version: str


@router.get("/plugin/version", response=Version, auth=None)
def get_version(request: HttpRequest) -> Version:
    """The version of the plugin that this server hands out."""
    return Version(version=plugin_version())


@router.get("/tome-sync/plugin", include_in_schema=True)
def get_plugin(request: HttpRequest, server_url: str = "") -> HttpResponse:
    """The plugin's ZIP with the caller's own key, for a device that updates itself."""
    key = request.headers["Authorization"].split(" ", 1)[1].strip()
    url = server_url or settings.PUBLIC_URL or request.build_absolute_uri("/")
    try:
        archive = build_plugin(server_url=url, api_key=key, username=reader_of(request).get_username())
    except ValueError as error:
        problem = {"loc": ["query", "server_url"], "msg": str(error), "type": "value_error"}
        raise ValidationError([problem]) from None
    etag = f'"{hashlib.sha256(archive).hexdigest()[:32]}"'
    if is_current(request, etag):
        return HttpResponseNotModified(headers={"ETag": etag})
    disposition = f'attachment; filename="{ARCHIVE_NAME}"'
    headers = {"ETag": etag, "Content-Disposition": disposition, "Cache-Control": "private, no-cache"}
    return HttpResponse(archive, content_type="application/zip", headers=headers)
