"""Addresses below `/opds`; a root has two, so that nobody is redirected. Feeds have one name in both versions."""

from django.urls import URLPattern, include, path, re_path, register_converter

from web.opds import feeds, views
from web.opds.views import feed_view


class Number:
    """An id, or a page's number; what no row can have is an unknown address, and never asked of the database."""

    regex = "[0-9]{1,18}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


class Word:
    """What tells versions, sizes and formats apart."""

    regex = "[a-z0-9.]{1,64}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(Number, "opds_number")
register_converter(Word, "opds_word")

root = feed_view(views.root_or_search)


def feed_patterns() -> list[URLPattern]:
    return [
        path("", root),
        path("reading", feed_view(feeds.books_in_progress)),
        path("new", feed_view(feeds.new_books)),
        path("books", feed_view(feeds.all_books)),
        path("series", feed_view(feeds.all_series)),
        path("series/<opds_number:number>", feed_view(feeds.one_series)),
        path("authors", feed_view(feeds.all_authors)),
        path("authors/<opds_number:number>", feed_view(feeds.one_author)),
        path("types", feed_view(feeds.all_types)),
        path("types/<str:name>", feed_view(feeds.one_type)),
        path("search", feed_view(feeds.found_books)),
    ]


files = [
    path("opds", root),  # what the template of search.xml may come to
    path("search.xml", views.search_description_or_search),
    path("download/<opds_number:book_id>/<opds_number:file_id>.<opds_word:format>", views.download),
    path("covers/<opds_number:book_id>/<opds_word:version>/<opds_word:size>.jpg", views.cover),
    path("pages/<opds_number:book_id>/<opds_number:file_id>/<opds_word:version>/<opds_number:number>", views.page),
]
unknown = [re_path(r"^(?P<rest>[\s\S]*)$", views.nothing)]

urlpatterns = [
    path("opds", root),
    path("opds/v2", root),
    path("opds/v2/", include([*feed_patterns(), *unknown])),
    path("opds/", include([*feed_patterns(), *files, *unknown])),
]
