"""What a device is told about the books that it may download, one by one and in whole series.

The manifest of a series is derived, and only made anew when something in it changed: a book, a file, a title. It is
stored as the text that is sent, so that answering costs one indexed read. Each of its books stands in it in the format
that most devices want; beside it is kept what the entry is in every other format, from which the manifest of a reader
or device with other wishes is put together.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from accounts.marks import PASSING, Passing, drain, drop_marks
from accounts.models import Reader
from accounts.statements import fetch_row, query
from library.formats import PREFERENCE
from library.marks import mark_series_list_stale
from library.models import Book, BookFile, Manifest, Series, SeriesList, StaleManifest, StaleSeriesList
from library.names import distinct_marks, download_name, folder_name, folder_of_series, marks_among_all
from library.queries import IS_VISIBLE, LARGEST_ID, authors_of, books_visible_to, files_of, standing_ids, with_details
from matching.names import sort_key

GROUP = 20  # series that are read one after another before marks are looked at again


def preferred_order(formats: Sequence[str] | None) -> list[str]:
    """All formats, those that this device or reader prefers in front; unknown ones are left out."""
    first = [format for format in dict.fromkeys(formats or ()) if format in PREFERENCE]
    return [*first, *(format for format in PREFERENCE if format not in first)]


def files_in_order(book: Book, formats: Sequence[str] | None = None) -> list[BookFile]:
    """The files that are there, those in the preferred format first."""
    order = preferred_order(formats)
    return sorted(files_of(book), key=lambda file: (order.index(file.format), file.pk))


def book_entry(
    book: Book, *, formats: Sequence[str] | None = None, mark: str = "", series_folder: str | None = None
) -> dict[str, Any]:
    """A book as a manifest has it; keys without a value are left out, `file` and `filename` where it has no file.

    `mark` and `series_folder` tell its names from others, see `library.names`.
    """
    entry: dict[str, Any] = {"id": book.pk, "title": book.title}
    if book.series_id is not None and book.series_index is not None:
        entry["series_index"] = book.series_index
    if authors := authors_of(book):
        entry["author"] = ", ".join(authors)
    entry["folder"] = folder_name(book, series_folder=series_folder)
    files = files_in_order(book, formats)
    if files:
        entry |= _choice(book, files[0], mark)
    entry["files"] = [{"id": file.pk, "format": file.format, "file_size": file.size} for file in files]
    return entry


def _choice(book: Book, file: BookFile, mark: str) -> dict[str, Any]:
    """What an entry says of the file that is to be fetched."""
    return {
        "filename": download_name(book, file.format, mark=mark),
        "file": {
            "id": file.pk,
            "format": file.format,
            "file_size": file.size,
            "sha256": file.sha256,
            "ko_md5": file.ko_md5,
        },
    }


# By the texts of book ids, then by format: `filename` and `file` of an entry.
Choices = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class BuiltManifest:
    """A manifest as it is stored."""

    listed: dict[str, Any]  # columns of `Manifest` that the list of series and catalogues show
    etag: str
    body: str
    choices: str


def build_manifest(series: Series) -> BuiltManifest | None:
    """The manifest of a series as its books are now; None if none of them is there."""
    # Books that are away take part in giving names, so that none changes its name while another's disk is away.
    books = list(with_details(_in_order(Book.objects.filter(series=series, merged_into=None))))
    there = [book for book in books if book.is_active and files_of(book)]
    if not there:
        return None
    marks, folder = distinct_marks(books), folder_of_series(series)
    entries = [book_entry(book, mark=marks[book.pk], series_folder=folder) for book in there]
    choices: Choices = {
        str(book.pk): {file.format: _choice(book, file, marks[book.pk]) for file in reversed(files_in_order(book))}
        for book in there
    }
    types = Counter(book.book_type for book in there)
    authors = Counter(entry["author"] for entry in entries if "author" in entry)
    listed = {
        "name": series.name,
        "sort_key": sort_key(series.name),
        # Of equally many the first volume's.
        "author": max(authors, key=authors.__getitem__) if authors else "",
        "book_type": max(types, key=types.__getitem__),
        "book_count": len(there),
        "first_book_id": there[0].pk,
    }
    said = {"series_name": series.name, "book_type": listed["book_type"], "books": entries}
    etag = _digest([said, choices])  # what any preference may see of it
    return BuiltManifest(
        listed=listed,
        etag=etag,
        body=_text(_with_etag(said, etag)),
        choices=_text(choices),
    )


def _in_order(books: QuerySet[Book]) -> QuerySet[Book]:
    return books.order_by(F("series_index").asc(nulls_last=True), "sort_key", "pk")


def _with_etag(said: dict[str, Any], etag: str) -> dict[str, Any]:
    return {"series_name": said["series_name"], "book_type": said["book_type"], "etag": etag, "books": said["books"]}


def _digest(said: Any) -> str:
    return sha256(orjson.dumps(said)).hexdigest()[:32]


def _text(said: Any) -> str:
    return orjson.dumps(said).decode()


@dataclass(frozen=True)
class Answer:
    """`body` is JSON; None where it is what the asker says they have."""

    etag: str
    body: bytes | None


# One row for any book of a series. What the asker has already is not read.
_STORED = f"""
    SELECT library_manifest.etag,
        CASE WHEN library_manifest.etag = %s THEN NULL ELSE library_manifest.body END,
        CASE WHEN %s = 0 AND CAST(accounts_reader.formats AS TEXT) = '[]' THEN NULL ELSE library_manifest.choices END,
        CAST(accounts_reader.formats AS TEXT)
    FROM library_book
    JOIN library_manifest ON library_manifest.series_id = library_book.series_id
    JOIN accounts_reader ON accounts_reader.id = %s
    WHERE library_book.id = %s AND {IS_VISIBLE}"""


def series_manifest(reader: Reader, book_id: int, *, formats: Sequence[str] = (), known: str = "") -> Answer | None:
    """The manifest of the series of a book, in its last whole state; None if it has no series or is not to be seen.

    `formats` are a device's preference, before which the reader's own steps back; `known` is the ETag of what the
    device has. The id of a book that was merged into another by hand stands for that one.
    """
    wanted = [format for format in formats if format in PREFERENCE]
    if book_id > LARGEST_ID:
        return None
    rows = query(_STORED, [known.partition("-")[0], len(wanted), reader.pk, book_id])
    if not rows:
        return _unstored_manifest(reader, book_id, wanted, known)
    [(etag, body, choices, kept)] = rows
    order = preferred_order(wanted or orjson.loads(kept))
    is_usual = order == list(PREFERENCE)
    present = etag if is_usual else f"{etag}-{_name_of(order)}"
    if known == present:
        return Answer(present, None)
    if body is None:  # they have it in another order
        return series_manifest(reader, book_id, formats=wanted)
    return Answer(etag, body.encode()) if is_usual else _in_other_order(etag, body.encode(), choices, order)


def _in_other_order(etag: str, body: bytes, choices: str, order: Sequence[str]) -> Answer:
    manifest = orjson.loads(body)
    _choose(manifest["books"], orjson.loads(choices), order)
    manifest["etag"] = f"{etag}-{_name_of(order)}"
    return Answer(manifest["etag"], orjson.dumps(manifest))


def _choose(entries: list[dict[str, Any]], choices: Choices, order: Sequence[str]) -> None:
    """Have these entries of a manifest offer the first of the formats in this order."""
    rank = {format: n for n, format in enumerate(order)}
    for entry in entries:
        of_book = choices[str(entry["id"])]
        entry |= of_book[min(of_book, key=rank.__getitem__)]
        entry["files"].sort(key=lambda file: (rank[file["format"]], file["id"]))


def _name_of(order: Sequence[str]) -> str:
    return _digest(order)[:8]


def _unstored_manifest(reader: Reader, book_id: int, wanted: Sequence[str], known: str) -> Answer | None:
    """Of a merged book that of the one where it ended up; of a series that was never built yet what it is now."""
    if stands_for := standing_ids([book_id]):
        return series_manifest(reader, stands_for[book_id], formats=wanted, known=known)
    book = books_visible_to(reader).filter(pk=book_id).select_related("series").only("series").first()
    built = build_manifest(book.series) if book is not None and book.series else None
    if built is None:
        return None
    order = preferred_order(wanted or formats_of(reader))
    if order == list(PREFERENCE):
        return Answer(built.etag, None if known == built.etag else built.body.encode())
    return _in_other_order(built.etag, built.body.encode(), built.choices, order)


def formats_of(reader: Reader) -> list[str]:
    """The formats that the reader prefers, the first most; the reader may have been read without them."""
    row = fetch_row(Reader, "id = %s", [reader.pk], only=("id", "formats"))
    return list(row.formats) if row else []


def entries_of(reader: Reader, book_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Books that this reader may see as their manifests have them, by id; those in no series as they would stand there.

    So that a book has one name on a device, whichever way it gets there.
    """
    books = list(with_details(books_visible_to(reader).filter(pk__in=book_ids)))
    order = preferred_order(formats_of(reader)) if books else []
    single = [book for book in books if book.series is None]
    marks = marks_among_all(single)
    entries = {book.pk: book_entry(book, formats=order, mark=marks[book.pk]) for book in single}
    of_series: dict[Series, set[int]] = defaultdict(set)
    for book in books:
        if book.series is not None:
            of_series[book.series].add(book.pk)
    stored = Manifest.objects.filter(series__in=of_series).values_list("series", "body", "choices") if of_series else []
    manifests = {series_id: (body, choices) for series_id, body, choices in stored}
    for series, wanted in of_series.items():
        found = _chosen(manifests[series.pk], wanted, order) if series.pk in manifests else {}
        if found.keys() != wanted and (built := build_manifest(series)):  # it came since the manifest was made
            found = _chosen((built.body, built.choices), wanted, order)
        entries |= found
    return entries


def _chosen(stored: tuple[str, str], book_ids: set[int], order: Sequence[str]) -> dict[int, dict[str, Any]]:
    entries = [entry for entry in orjson.loads(stored[0])["books"] if entry["id"] in book_ids]
    _choose(entries, orjson.loads(stored[1]), order)
    return {entry["id"]: entry for entry in entries}


def name_of_file(book: Book, file: BookFile) -> str:
    """What a file of a book is called on a device."""
    if book.series is None:
        return download_name(book, file.format, mark=marks_among_all([book])[book.pk])
    choices = Manifest.objects.filter(series=book.series).values_list("choices", flat=True).first()
    chosen = orjson.loads(choices).get(str(book.pk), {}) if choices else {}
    return str(chosen[file.format]["filename"]) if file.format in chosen else download_name(book, file.format)


def series_list(*, known: str = "") -> Answer:
    """All series with a book that is there, in their last whole state; `known` is the ETag of what a device has."""
    rows = query("SELECT etag, CASE WHEN etag = %s THEN NULL ELSE body END FROM library_serieslist", [known])
    etag, body = rows[0] if rows else _built_list()
    return Answer(etag, None if body is None or etag == known else body.encode())


def _built_list() -> tuple[str, str]:
    columns = ("name", "book_count", "author", "first_book_id", "book_type")
    listed = [
        {name: value for name, value in row.items() if value != ""}
        for row in Manifest.objects.order_by("sort_key", "name").values(*columns)
    ]
    return _digest(listed), _text(listed)


def refresh_manifests(*, seconds: float = 60.0, passing: Passing = PASSING) -> tuple[list[int], bool]:
    """Rebuild the manifests that are marked, and then the list if need be, for about this long.

    Returns the ids of the series that were rebuilt, and whether nothing is left to do.
    """
    deadline = time.monotonic() + seconds
    rebuilt: list[int] = []

    def rebuild(marks: list[StaleManifest]) -> None:
        for mark in marks:
            if _rebuild_manifest(mark):
                rebuilt.append(mark.series_id)

    is_done = drain(StaleManifest, rebuild, deadline=deadline, next_group=_next_manifests, passing=passing)
    is_done = drain(StaleSeriesList, _rebuild_list, deadline=deadline, next_group=list, passing=passing) and is_done
    return rebuilt, is_done


def _next_manifests(marks: QuerySet[StaleManifest]) -> list[StaleManifest]:
    return list(marks.select_related("series")[:GROUP])


def _rebuild_manifest(mark: StaleManifest) -> bool:
    """Store a series' manifest as it is now; False if the series changed meanwhile, so that it is not worth it."""
    built = build_manifest(mark.series)
    with transaction.atomic():
        if not drop_marks([mark]):
            return False
        stored = Manifest.objects.filter(series=mark.series)
        former = stored.values(*LISTED).first()
        is_same = built is not None and stored.filter(etag=built.etag).exists()
        if built is None:
            stored.delete()
        else:
            content: dict[str, Any] = {"etag": built.etag, "body": built.body, "choices": built.choices}
            if not is_same:
                content["changed_at"] = timezone.now()
            Manifest.objects.update_or_create(series=mark.series, defaults={**built.listed, **content})
        if (built.listed if built else None) != former:
            mark_series_list_stale()
    return True


LISTED = ("name", "sort_key", "author", "book_type", "book_count", "first_book_id")


def _rebuild_list(marks: list[StaleSeriesList]) -> None:
    etag, body = _built_list()
    with transaction.atomic():
        if drop_marks(marks):
            SeriesList.objects.update_or_create(singleton=True, defaults={"etag": etag, "body": body})
