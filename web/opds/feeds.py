"""What each feed of the catalogue holds, whichever form it is written in.

A feed knows by itself only what its list says: which books, and when they changed. That decides its ETag and whether it
is still the same; the rest is asked for when it is to be written.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from accounts.models import Reader
from accounts.statements import fetch_rows
from library import catalogue
from library.catalogue import ENTRIES, INITIALS, BookDetails, FileDetails, Listed
from library.covers import version_of
from library.manifests import formats_of, preferred_order
from library.models import Author, BookType, Series
from library.paging import Page, unreadable
from matching.own_names import entry_title
from reading.continuing import books_being_read
from reading.models import LocatorKind, Position
from web.opds.access import Refused
from web.opds.links import ACQUISITION, NAVIGATION, NEW_REL, SUBSECTION_REL
from web.words import TYPES

CATALOGUE = "Tome"
LONGEST_SEARCH = 200
NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # when a library that never had a book last changed
COMICS = ("cbz", "cbr")
OF_PLACES = (
    *("id", "book_id", "percentage", "progress", "kind", "ko_md5", "read_at", "updated_at", "revision", "is_cleared"),
)


@dataclass(frozen=True)
class Asked:
    """What a request says of the feed that it wants."""

    reader: Reader
    after: str = ""  # cursor
    initial: str = ""
    text: str = ""  # of a search


@dataclass(frozen=True)
class Entry:
    """A way on to another feed."""

    key: str  # of its id: `series:12`
    title: str
    address: str
    text: str
    changed_at: datetime
    kind: str = ACQUISITION
    rel: str = SUBSECTION_REL
    count: int | None = None
    cover: tuple[int, str] | None = None  # book id and version


@dataclass(frozen=True, slots=True)
class BookEntry:
    """A book with its files, the best of each format, in the order of the reader's preference."""

    book: BookDetails
    files: list[FileDetails]
    place: Position | None

    @property
    def title(self) -> str:
        book = self.book
        return entry_title(title=book.title, series=book.series, series_index=book.series_index)

    @property
    def comic(self) -> FileDetails | None:
        """The file whose pages can be shown one by one."""
        return next((file for file in self.files if file.pages and file.format in COMICS), None)


@dataclass(frozen=True)
class Feed:
    """A page of a list. `state` is all that decides what is written; `entries` asks for the rest of that."""

    key: str
    title: str
    address: str
    state: Sequence[Any]
    entries: Callable[[], Sequence[Entry] | Sequence[BookEntry]]
    updated: datetime
    kind: str = ACQUISITION
    up: str = ""  # address of the feed that leads here
    last_modified: datetime | None = None  # None where it cannot be said, see `changes`
    query: Mapping[str, str] = field(default_factory=dict)  # what was asked for beside the page
    after: str = ""
    next: str = ""
    initials: bool = False  # can it be asked for what begins with a letter?


def root(asked: Asked) -> Feed:
    changed_at = catalogue.changed_at(asked.reader) or NEVER
    entries = [
        ("reading", "Continue reading", "What you are in the middle of, the last read first", ACQUISITION),
        ("new", "Recently added", "All books, the newest first", ACQUISITION),
        ("books", "All books", "By title", ACQUISITION),
        ("series", "Series", "All series by name", NAVIGATION),
        ("authors", "Authors", "All authors by name", NAVIGATION),
        ("types", "Kinds of books", "Books, light novels, manga and comics", NAVIGATION),
    ]
    return Feed(
        key="root",
        title=CATALOGUE,
        address="",
        kind=NAVIGATION,
        state=[changed_at],
        updated=changed_at,
        last_modified=changed_at,
        entries=lambda: [
            Entry(address, title, address, text, changed_at, kind, NEW_REL if address == "new" else SUBSECTION_REL)
            for address, title, text, kind in entries
        ],
    )


def all_books(asked: Asked) -> Feed:
    page = catalogue.books_by_title(asked.reader, initial=asked.initial, after=asked.after)
    return _books(asked, page, key="books", title="All books", initials=True)


def new_books(asked: Asked) -> Feed:
    return _books(asked, catalogue.newest_books(asked.reader, after=asked.after), key="new", title="Recently added")


def books_in_progress(asked: Asked) -> Feed:
    start = _counted(asked.after)
    reading = books_being_read(asked.reader, start=start, entries=ENTRIES + 1)
    listed = catalogue.listed_from_ids(asked.reader, [each.book_id for each in reading[:ENTRIES]])
    page = Page(listed, str(start + ENTRIES) if len(reading) > ENTRIES else "")
    # What is being read follows from sessions and positions some moments later, and from what was undone.
    return _books(asked, page, key="reading", title="Continue reading", is_dated=False)


def found_books(asked: Asked) -> Feed:
    text = " ".join(asked.text[:LONGEST_SEARCH].split())
    page = catalogue.search_books(asked.reader, text, after=asked.after)
    title = f"Search: {text}" if text else "Search"
    return _books(asked, page, key="search", title=title, query={"q": text})


def all_series(asked: Asked) -> Feed:
    # A series' row follows its books some moments later. Asked before the page is: what is rebuilt in between is then
    # newer than it is said to be, and not older.
    changed_at = None if catalogue.is_series_list_stale() else catalogue.changed_at(asked.reader)
    page = catalogue.series_by_name(asked.reader, initial=asked.initial, after=asked.after)
    return Feed(
        key="series",
        title="Series",
        address="series",
        state=[page.next, *((series.series_id, series.changed_at, series.book_count) for series in page.items)],
        updated=max((series.changed_at for series in page.items), default=NEVER),
        last_modified=changed_at,
        entries=lambda: [
            Entry(
                key=f"series:{series.series_id}",
                title=series.name,
                address=f"series/{series.series_id}",
                text=_series_text(series.book_count, series.author),
                changed_at=series.changed_at,
                count=series.book_count,
                cover=(series.first_book_id, version_of(series.first_book)) if series.first_book.cover else None,
            )
            for series in page.items
        ],
        **_by_letters(asked, page.next),
    )


def _by_letters(asked: Asked, following: str) -> dict[str, Any]:
    """What a list by name has of a feed whatever it lists: its letters, its place and where it goes on."""
    given = _given(initial=asked.initial)
    return {"kind": NAVIGATION, "query": given, "after": asked.after, "next": following, "initials": True}


def one_series(asked: Asked, number: int) -> Feed:
    series = Series.objects.filter(pk=number).first()
    page = catalogue.books_of_series(asked.reader, series, after=asked.after) if series else None
    if series is None or not page or not (page.items or asked.after):
        raise Refused(404, "There is no such series.")
    return _books(asked, page, key=f"series:{number}", title=series.name, address=f"series/{number}", up="series")


def all_authors(asked: Asked) -> Feed:
    page = catalogue.authors_by_name(asked.reader, initial=asked.initial, after=asked.after)
    changed_at = catalogue.changed_at(asked.reader) or NEVER
    return Feed(
        key="authors",
        title="Authors",
        address="authors",
        state=[changed_at, page.next, *(author.pk for author in page.items)],
        updated=changed_at,
        last_modified=changed_at,
        entries=lambda: [
            Entry(f"author:{author.pk}", author.name, f"authors/{author.pk}", f"Books by {author.name}", changed_at)
            for author in page.items
        ],
        **_by_letters(asked, page.next),
    )


def one_author(asked: Asked, number: int) -> Feed:
    author = Author.objects.filter(pk=number).first()
    page = catalogue.books_of_author(asked.reader, author, after=asked.after) if author else None
    if author is None or not page or not (page.items or asked.after):
        raise Refused(404, "There is no such author.")
    return _books(asked, page, key=f"author:{number}", title=author.name, address=f"authors/{number}", up="authors")


def all_types(asked: Asked) -> Feed:
    changed_at = catalogue.changed_at(asked.reader) or NEVER
    types = catalogue.book_types(asked.reader)
    return Feed(
        key="types",
        title="Kinds of books",
        address="types",
        kind=NAVIGATION,
        state=[changed_at, *types],
        updated=changed_at,
        last_modified=changed_at,
        entries=lambda: [
            Entry(f"type:{each.value}", TYPES[each], f"types/{each.value}", "By title", changed_at) for each in types
        ],
    )


def one_type(asked: Asked, name: str) -> Feed:
    if name not in BookType.values:
        raise Refused(404, f"There is no such kind of books; there are {', '.join(BookType.values)}.")
    page = catalogue.books_by_title(asked.reader, book_type=name, initial=asked.initial, after=asked.after)
    title, address = TYPES[BookType(name)], f"types/{name}"
    return _books(asked, page, key=f"type:{name}", title=title, address=address, up="types", initials=True)


def _books(
    asked: Asked,
    page: Page[Listed],
    *,
    key: str,
    title: str,
    address: str = "",
    up: str = "",
    initials: bool = False,
    is_dated: bool = True,
    query: Mapping[str, str] | None = None,
) -> Feed:
    known = _places(asked.reader, page.items)
    places = {book_id: place for book_id, place in known.items() if not place.is_cleared}
    formats = formats_of(asked.reader)
    read = [place.updated_at for place in known.values()]
    changed = [listed.changed_at for listed in page.items]
    # Of the whole library: a book that went leaves the others as old as they were.
    latest = catalogue.changed_at(asked.reader) if is_dated else None

    def entries() -> list[BookEntry]:
        order = preferred_order(formats)
        return [
            BookEntry(book, _one_of_each(book.files, order), places.get(book.book_id))
            for book in catalogue.details_of(asked.reader, page.items)
        ]

    return Feed(
        key=key,
        title=title,
        address=address or key,
        state=[
            page.next,
            formats,
            *((listed.book_id, listed.changed_at) for listed in page.items),
            *((place.book_id, place.revision, place.updated_at) for place in places.values()),
        ],
        updated=max(changed, default=NEVER),
        last_modified=max([*read, latest or NEVER]) if is_dated else None,
        entries=entries,
        up=up,
        query=query if query is not None else _given(initial=asked.initial if initials else ""),
        after=asked.after,
        next=page.next,
        initials=initials,
    )


def _places(reader: Reader, listed: Sequence[Listed]) -> dict[int, Position]:
    """Where the reader is in these books; of a place that was cleared that it was, which is a change as well."""
    if not listed:
        return {}
    condition = f"reader_id = %s AND book_id IN ({', '.join(['%s'] * len(listed))})"
    places = fetch_rows(Position, condition, [reader.pk, *(each.book_id for each in listed)], only=OF_PLACES)
    return {place.book_id: place for place in sorted(places, key=lambda place: place.book_id)}


def _one_of_each(files: list[FileDetails], order: list[str]) -> list[FileDetails]:
    best: dict[str, FileDetails] = {}
    for file in files:
        best.setdefault(file.format, file)
    return sorted(best.values(), key=lambda file: order.index(file.format))


def page_last_read(place: Position, comic: FileDetails) -> int | None:
    """Which page of a comic the reader saw last, counted from 1; None at its very beginning."""
    assert comic.pages is not None
    page = round(place.percentage * comic.pages)
    is_of_it = place.ko_md5 in ("", comic.ko_md5)
    if place.kind == LocatorKind.PAGE and is_of_it and place.progress.isascii() and place.progress[:9].isdigit():
        page = int(place.progress[:9])
    return min(page, comic.pages) if page > 0 else None


def _series_text(count: int, author: str) -> str:
    books = "1 book" if count == 1 else f"{count} books"
    return f"{books} by {author}" if author else books


def _given(**query: str) -> dict[str, str]:
    return {name: value for name, value in query.items() if value}


def _counted(after: str) -> int:
    if after and not (after.isascii() and after.isdigit() and len(after) < 7):
        raise unreadable()
    return int(after or 0)


def shown_initials() -> Sequence[tuple[str, str]]:
    """What a list can be asked to begin with, and how that is shown."""
    return [(initial, "0–9" if initial == "0" else initial.upper()) for initial in INITIALS]
