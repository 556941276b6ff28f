"""What a book is called, who wrote it, where it stands in a series: worked out from its files and a person's edits.

The result depends on `BookFile.stated` and the paths of the book's files and on `Book.edits` alone, so describing anew
changes nothing, a file that leaves the book takes what it stated along, and no scan undoes an edit.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.statements import insert_row, insert_rows, query, run, take_turn_for
from library.formats import PREFERENCE, stem_of
from library.formats.metadata import Contributor, Metadata, title_from_stem
from library.known_names import keep_names
from library.marks import mark_manifests_stale
from library.models import AUTHOR, Authorship, Book, BookFile, BookKey, BookText, BookType, Identifier
from library.places import Place, book_type_of_place, place_of
from matching.keys import keys_of_book
from matching.names import author_key, search_words, sort_key, title_key
from matching.own_names import folder_key, name_key
from matching.people import is_nobody

# Leading articles that a catalogue sorts a title without, for books in these languages.
ARTICLES = {
    "en": ("the", "a", "an"),
    "de": ("der", "die", "das", "ein", "eine"),
    "fr": ("le", "la", "les", "un", "une"),
    "es": ("el", "la", "los", "las", "un", "una"),
    "it": ("il", "lo", "la", "i", "gli", "le", "un", "uno", "una"),
    "nl": ("de", "het", "een"),
    "pt": ("o", "a", "os", "as", "um", "uma"),
}
COMICS = ("cbz", "cbr")
# What a list of books shows, and a stats payload repeats.
SHOWN = ("title", "series_id", "series_index", "book_type")
# All that describes a book: what a catalogue may show of it.
TOLD = (
    *("title", "title_key", "sort_title", "sort_key", "name_key", "language", "description", "publisher", "published"),
    "subjects",
    *("series_id", "series_index", "book_type", "reading_direction", "pages", "characters", "cover", "is_active"),
)


@dataclass(frozen=True)
class Statement:
    """What one file states, as `BookFile.stated` keeps it: the fields of `Metadata` that say something."""

    title: str = ""
    sort_title: str = ""
    contributors: tuple[Contributor, ...] = ()
    language: str = ""
    description: str = ""
    publisher: str = ""
    published: str = ""
    subjects: tuple[str, ...] = ()
    series: str = ""
    series_index: float | None = None
    book_type: str = ""
    reading_direction: str = ""
    pages: int | None = None
    characters: int | None = None
    name: str = ""  # of the file, without its suffix
    place: Place = field(default_factory=Place)

    @classmethod
    def of(cls, file: BookFile) -> "Statement":
        kept = dict(file.stated)
        people = tuple(Contributor(*person) for person in kept.pop("contributors", ()))
        subjects = tuple(kept.pop("subjects", ()))
        place = place_of(file.path, is_comic=file.format in COMICS)
        name = stem_of(os.path.basename(file.path))
        return cls(**kept, contributors=people, subjects=subjects, name=name, place=place)

    @property
    def title_or_name(self) -> str:
        return self.title or title_from_stem(self.name)

    @property
    def authors(self) -> tuple[str, ...]:
        return tuple(person.name for person in self.contributors if person.role == AUTHOR)

    @property
    def series_and_index(self) -> tuple[str, float | None]:
        """As the file states them; where it is silent, as its place shows."""
        if not self.series:
            return self.place.series, self.place.index
        if self.series_index is None and title_key(self.series) == title_key(self.place.series):
            return self.series, self.place.index
        return self.series, self.series_index


KEPT = tuple(name for name in Statement.__dataclass_fields__ if name not in ("name", "place"))


def kept_statement(metadata: Metadata) -> dict[str, Any]:
    """What `BookFile.stated` holds of a file's metadata: JSON, without what says nothing."""
    kept = {name: getattr(metadata, name) for name in KEPT}
    kept["contributors"] = [[person.name, person.role, person.sort_name] for person in metadata.contributors]
    kept["subjects"] = list(metadata.subjects)
    return {name: value for name, value in kept.items() if value not in ("", None, [])}


@dataclass(frozen=True)
class Description:
    """All that describes a book: `plain` are fields of its row; contributors are (name, role) in their order."""

    plain: dict[str, Any]
    series: str
    contributors: list[tuple[str, str]]
    is_there: bool

    @property
    def authors(self) -> tuple[str, ...]:
        return tuple(name for name, role in self.contributors if role == AUTHOR)

    @property
    def search_words(self) -> str:
        return search_words(self.plain["title"], *(name for name, _ in self.contributors), self.series)

    def keys(self, isbns: Iterable[str]) -> frozenset[str]:
        return keys_of_book(
            title=self.plain["title"],
            authors=self.authors,
            series=self.series,
            series_index=self.plain["series_index"],
            isbns=tuple(sorted(isbns)),
        )


def description_of(files: Iterable[BookFile], edits: dict[str, Any]) -> Description:
    """What a book with these files and edits is."""
    ranked = sorted(files, key=rank)
    said = [Statement.of(file) for file in ranked]
    plain = plain_fields(said, edits, ranked)
    series, plain["series_index"] = series_of(said, edits)
    people = contributors_of(said, edits)
    return Description(
        plain=plain,
        series=series,
        contributors=list(dict.fromkeys((person.name, person.role) for person in people)),
        is_there=any(file.is_present for file in ranked),
    )


@transaction.atomic(savepoint=False)
def describe(book: Book, *, files_changed: bool = True) -> None:
    """Bring all that describes a book in line with its files and edits, and store it.

    Called in the transaction that changed a file or an edit; `files_changed` says whether the book has other files or
    bytes than before, which a device that fetches its series has to be told even if nothing else is different.
    """
    # Asked for anew and kept from changing: whoever calls this has just changed a file, and another process may be
    # merging the book at this moment.
    present = Book.objects.select_for_update(no_key=True).get(pk=book.pk)
    book.edits, book.merged_into_id = present.edits, present.merged_into_id
    files = list(BookFile.objects.filter(book=book))
    description = description_of(files, book.edits)
    for name, value in description.plain.items():
        setattr(book, name, value)
    book.series_id = series_named(description.series) if description.series else None
    # A book that was merged into another has no files, and stays away whatever happens.
    book.is_active = description.is_there and book.merged_into_id is None
    changed = {name for name in TOLD if getattr(book, name) != getattr(present, name)}
    is_shown_otherwise = store_contributors(book, description.contributors) or not changed.isdisjoint(SHOWN)
    now = timezone.now()
    if is_shown_otherwise:
        book.described_at = now
    if is_shown_otherwise or changed or files_changed:
        book.changed_at = now
    is_told_otherwise = is_shown_otherwise or files_changed or not changed.isdisjoint(("is_active", "sort_key"))
    if is_told_otherwise:
        keep_names(book, files, authors=description.authors, series=description.series)
    book.save(update_fields=[*(name.removesuffix("_id") for name in TOLD), "described_at", "changed_at"])
    BookText.objects.update_or_create(book=book, defaults={"words": description.search_words})
    isbns = Identifier.objects.filter(file__book=book, scheme="isbn").values_list("value", flat=True).distinct()
    store_keys(book, description.keys(isbns))
    if is_told_otherwise:
        mark_manifests_stale((present.series_id, book.series_id))


def new_book(file: BookFile, *, isbns: Iterable[str]) -> Book:
    """A book of which this, not stored yet, is the only file; both stored, with all that describes the book.

    The same as `describe` of it, in a fifth of the time: a library's first scan consists of this.
    """
    description = description_of([file], {})
    now = timezone.now()
    book = Book(**description.plain, added_at=now, described_at=now, changed_at=now)
    book.series_id = series_named(description.series) if description.series else None
    insert_row(book)
    authors = authors_named({name for name, _ in description.contributors})
    insert_rows(
        [
            Authorship(book=book, author_id=authors[name], role=role, place=place)
            for place, (name, role) in enumerate(description.contributors)
        ]
    )
    insert_rows([BookText(book=book, words=description.search_words)])
    insert_rows([BookKey(book=book, key=key) for key in sorted(description.keys(isbns))])
    file.book = book
    insert_row(file)
    keep_names(book, [file], authors=description.authors, series=description.series)
    mark_manifests_stale((book.series_id,))
    return book


def rank(file: BookFile) -> tuple[bool, int, int]:
    """Files that are there first, in the order of preference of their formats, the oldest first."""
    return (not file.is_present, PREFERENCE.index(file.format), file.pk or 0)


def plain_fields(said: Sequence[Statement], edits: dict[str, Any], ranked: Sequence[BookFile]) -> dict[str, Any]:
    """The plain fields of a book: what was edited, else what the first file states that states any."""

    def chosen(name: str, otherwise: Any = "") -> Any:
        if name in edits:
            return edits[name]
        return next(filter(None, (getattr(statement, name) for statement in said)), otherwise)

    values = {
        name: chosen(name)
        for name in ("title", "language", "description", "publisher", "published", "reading_direction")
    }
    values["title"] = values["title"] or (said[0].title_or_name if said else title_from_stem(""))
    values["title_key"] = title_key(values["title"])
    # A title that was edited must not be sorted by what a file says of another.
    stated_sort = "" if "title" in edits else chosen("sort_title")
    values["sort_title"] = edits.get("sort_title") or stated_sort or sort_title(values["title"], values["language"])
    values["sort_key"] = sort_key(values["sort_title"])
    values["name_key"] = name_key(values["title"])
    values["subjects"] = list(chosen("subjects", ()))
    values["book_type"] = edits.get("book_type") or book_type(said, ranked)
    values["pages"] = next(filter(None, (statement.pages for statement in said)), None)
    values["characters"] = next(filter(None, (statement.characters for statement in said)), None)
    values["cover"] = next((file.cover for file in ranked if file.cover), "")
    return values


def sort_title(title: str, language: str) -> str:
    """The title with a leading article of its language moved behind it: "Hobbit, The"."""
    first, _, rest = title.partition(" ")
    articles = ARTICLES.get(language[:2].lower(), ARTICLES["en"] if not language else ())
    return f"{rest}, {first}" if rest and first.casefold() in articles else title


def book_type(said: Sequence[Statement], ranked: Sequence[BookFile]) -> str:
    """What a file says of itself, else what the folders' names say, else comic for comics' formats and book."""
    stated = next((statement.book_type for statement in said if statement.book_type), "")
    hinted = next(filter(None, (book_type_of_place(file.path) for file in ranked)), "")
    if stated == BookType.COMIC and hinted == BookType.MANGA:
        return hinted  # a tag that says "comics" of a manga is right, the folder says more
    is_comic = any(file.format in COMICS for file in ranked)
    return stated or hinted or (BookType.COMIC if is_comic else BookType.BOOK)


def series_of(said: Sequence[Statement], edits: dict[str, Any]) -> tuple[str, float | None]:
    """Series and index, which belong together: as edited, else as a file states them, else as its place shows."""
    stating = [statement for statement in said if statement.series] or [each for each in said if each.place.series]
    name, index = stating[0].series_and_index if stating else ("", None)
    if "series" in edits:
        name, index = edits["series"], index if edits["series"] == name else None
    if "series_index" in edits:
        index = edits["series_index"]
    return (name, index) if name else ("", None)


def contributors_of(said: Sequence[Statement], edits: dict[str, Any]) -> list[Contributor]:
    """Authors as edited or stated, and after them the others who had a part in the book."""
    stated = next((statement.contributors for statement in said if statement.authors), None)
    if stated is None:
        stated = next((statement.contributors for statement in said if statement.contributors), ())
    stated = tuple(person for person in stated if not is_nobody(author_key(person.name)))
    others = [person for person in stated if person.role != AUTHOR]
    if "authors" in edits:
        return [*(Contributor(name) for name in edits["authors"]), *others]
    return [*(person for person in stated if person.role == AUTHOR), *others]


def store_contributors(book: Book, wanted: list[tuple[str, str]]) -> bool:
    """Have exactly these people, as (name, role), stand on the book's title page; False if they did already."""
    present = list(book.authorships.order_by("place").values_list("author__name", "role"))
    if present == wanted:
        return False
    authors = authors_named({name for name, _ in wanted})
    book.authorships.all().delete()
    Authorship.objects.bulk_create(
        Authorship(book=book, author_id=authors[name], role=role, place=place)
        for place, (name, role) in enumerate(wanted)
    )
    return True


def series_named(name: str) -> int:
    """The id of the series of this name."""
    if not query("SELECT 1 FROM library_series WHERE name = %s", [name]):
        # Of two with one folder the older has its plain name, so a lower id must be there before a higher one.
        take_turn_for(f"folder {folder_key(name)}")
    return ids_named("library_series", {name}, "folder_key", folder_key)[name]


def authors_named(names: set[str]) -> dict[str, int]:
    """The ids of the authors of these names."""
    return ids_named("library_author", names, "sort_key", sort_key)


def ids_named(table: str, names: set[str], column: str, derive: Callable[[str], str]) -> dict[str, int]:
    """The ids of a table's rows of these names, which are made where there are none, with what is derived of each."""
    if not names:
        return {}
    # Sorted, so that two workers with the same names never wait for each other in a circle.
    wanted = sorted(names)
    select = f"SELECT name, id FROM {table} WHERE name IN ({', '.join(['%s'] * len(wanted))})"
    found: dict[str, int] = dict(query(select, wanted))
    if missing := [name for name in wanted if name not in found]:
        # Ignoring the conflict: a failed statement would spoil PostgreSQL's transaction.
        rows = ", ".join(["(%s, %s)"] * len(missing))
        values = [value for name in missing for value in (name, derive(name))]
        run(f"INSERT INTO {table} (name, {column}) VALUES {rows} ON CONFLICT DO NOTHING", values)
        found = dict(query(select, wanted))
    return found


def store_keys(book: Book, wanted: frozenset[str]) -> None:
    """Have the book be found under exactly these keys."""
    present = set(book.keys.values_list("key", flat=True))
    if obsolete := present - wanted:
        book.keys.filter(key__in=obsolete).delete()
    BookKey.objects.bulk_create(BookKey(book=book, key=key) for key in sorted(wanted - present))
