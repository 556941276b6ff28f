"""Addresses within the catalogue, and the types and relations of what lies there.

All addresses are relative to the one that was asked for, so that they hold behind any proxy and under any prefix.
"""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpRequest

NAVIGATION = "navigation"
ACQUISITION = "acquisition"

FEED_TYPES = {
    NAVIGATION: "application/atom+xml;profile=opds-catalog;kind=navigation",
    ACQUISITION: "application/atom+xml;profile=opds-catalog;kind=acquisition",
}
FEED_2_TYPE = "application/opds+json"
SEARCH_TYPE = "application/atom+xml"
DESCRIPTION_TYPE = "application/opensearchdescription+xml"

SUBSECTION_REL = "subsection"
NEW_REL = "http://opds-spec.org/sort/new"
FACET_REL = "http://opds-spec.org/facet"
ACQUISITION_REL = "http://opds-spec.org/acquisition"
IMAGE_REL = "http://opds-spec.org/image"
THUMBNAIL_REL = "http://opds-spec.org/image/thumbnail"
STREAM_REL = "http://vaemendis.net/opds-pse/stream"


@dataclass(frozen=True)
class Links:
    """How to get from the address that was asked for to the catalogue's files and to its feeds."""

    files: str  # what addresses of downloads, covers and pages begin with
    feeds: str  # and those of feeds of the same version

    @classmethod
    def of(cls, request: HttpRequest) -> "Links":
        """By the path: `/opds`, which lies beside its own folder, everything in `/opds/…`, and `/opds/v2` likewise."""
        path = request.path_info
        if path == "/opds":
            return cls("opds/", "opds/")
        within = path.removeprefix("/opds/")
        up = "../" * within.count("/")
        return cls(up, f"{up}v2/" if within == "v2" or within.startswith("v2/") else up)

    def feed(self, address: str, **query: str) -> str:
        """A feed by its address below the root, `books` or `series/12`, with the parameters that are not empty."""
        given = {name: value for name, value in query.items() if value}
        path = f"{self.feeds}{address}" or "./"
        return f"{path}?{urlencode(given)}" if given else path

    def download(self, book_id: int, file_id: int, format: str) -> str:
        return f"{self.files}download/{book_id}/{file_id}.{format}"

    def cover(self, book_id: int, version: str, size: str) -> str:
        """The address changes with the cover. `size` is `large` or `small`."""
        return f"{self.files}covers/{book_id}/{version}/{size}.jpg"

    def page(self, book_id: int, file_id: int, sha256: str) -> str:
        """A template with `{pageNumber}` and `{maxWidth}`; the address changes with the file."""
        return f"{self.files}pages/{book_id}/{file_id}/{page_version(sha256)}/{{pageNumber}}?width={{maxWidth}}"


def page_version(sha256: str) -> str:
    return sha256[:8]
