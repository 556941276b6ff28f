"""Documents: files as KOSync names them, and what is kept of each.

A client sends one text for a file and nothing that says what the text is: the partial MD5 of the contents, or the MD5
of the base name, or something of its own. All that the library and the reader know of files is asked in turn, from what
tells a file most surely to what tells it least.
"""

import hashlib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from django.utils import timezone

from accounts.models import Reader
from accounts.statements import fetch_rows, query, update_row
from library.hashes import digest_number, name_digest
from library.known_names import names_of, path_names
from library.models import Book, BookFile
from library.queries import IS_VISIBLE, authors_of, books_visible_to, standing_ids, visible_book, with_details
from library.resolving import resolve
from matching.names import base_name, file_name_key
from reading.files import FileReport, document_fields, document_key, remember_file
from reading.models import DeviceFile, LocatorKind
from reading.positions import Place, current_place, parked_place

_MD5 = re.compile(r"[0-9a-fA-F]{32}")
LONGEST_DOCUMENT = 200  # characters; a longer one is known by its beginning and a digest
ROWS_AT_MOST = 50  # of one kind: where so many files share a hash or name, none of them is meant for sure
LINKS_AT_MOST = 1000  # the latest that a reader said

# What was said of this hash, which files have or had it, and which have or had a name with this digest: in one query.
_KNOWN = f"""
    SELECT * FROM (
        SELECT 'link', book_id, filename, ko_md5, id FROM library_filelink
        WHERE reader_id = %s AND ko_md5 = %s LIMIT {ROWS_AT_MOST}
    ) AS said
    UNION ALL SELECT * FROM (
        SELECT 'hash', library_book.id, library_bookfile.format, library_filehash.ko_md5, library_bookfile.id
        FROM library_filehash
        JOIN library_bookfile ON library_bookfile.id = library_filehash.file_id
        JOIN library_book ON library_book.id = library_bookfile.book_id
        WHERE library_filehash.ko_md5 = %s AND {IS_VISIBLE} LIMIT {ROWS_AT_MOST}
    ) AS hashed
    UNION ALL SELECT * FROM (
        SELECT 'name', library_book.id, library_bookfile.format, library_bookfile.ko_md5, library_bookfile.id
        FROM library_filenamedigest
        JOIN library_bookfile ON library_bookfile.id = library_filenamedigest.file_id
        JOIN library_book ON library_book.id = library_bookfile.book_id
        WHERE library_filenamedigest.digest = %s AND {IS_VISIBLE} LIMIT {ROWS_AT_MOST}
    ) AS named"""
_SAID = f"""
    SELECT 'link', book_id, filename, ko_md5, id FROM library_filelink
    WHERE reader_id = %s ORDER BY id DESC LIMIT {LINKS_AT_MOST}"""

_PAGED = ("pdf", "cbz", "cbr", "cb7", "cbt", "djvu", "xps")
_FLOWING = ("epub", "kepub", "mobi", "azw", "azw3", "prc", "pdb", "fb2", "fb2.zip", "txt", "html", "htm", "rtf", "docx")

# Kind, book or None, file name or format, partial MD5, id of the row.
_Row = tuple[str, int | None, str, str, int]


@dataclass(frozen=True)
class FoundDocument:
    """The book that a document is, or None.

    `ko_md5` is the hash of the file's contents, empty where it can only be guessed; then `wanted` is the kind of
    locator that the file takes, if its name tells. `files` are the ids of the rows under which something may be kept of
    it, and `kept` is the one that is the document's own. `is_traced`: nothing but that row tells which book it is.
    """

    book: Book | None = None
    ko_md5: str = ""
    wanted: str = ""
    files: tuple[int, ...] = ()
    kept: DeviceFile | None = None
    is_traced: bool = False


def document_report(document: str, *, filename: str = "", title: str = "", authors: str = "") -> FileReport:
    """A document, with what newer clients tell of the file beside it, as a file on a device."""
    if _MD5.fullmatch(document):
        document = document.lower()
    elif len(document) > LONGEST_DOCUMENT:
        digest = hashlib.sha256(document.encode(errors="replace")).hexdigest()
        document = f"{document[: LONGEST_DOCUMENT - len(digest) - 1]} {digest}"
    return FileReport(
        filename=base_name(filename) or document,
        ko_md5=document if _MD5.fullmatch(document) else "",
        title=title,
        authors=authors,
        document=document,
    )


def find_document(reader: Reader, report: FileReport, *, trusts_kept: bool = True) -> FoundDocument:
    """Which book a document is, by: what the reader said, the hash, the name, what it was before, what it is called.

    Without `trusts_kept` what it was taken for before does not count: that is how it is asked once more.
    """
    return _Lookup(reader, report, trusts_kept=trusts_kept).find()


def book_of_report(reader: Reader, report: FileReport) -> Book | None:
    """The book that a file on a device is by all that is known now, whichever protocol told of it."""
    if report.document:
        return find_document(reader, report, trusts_kept=False).book
    return resolve(reader, report.as_clue()).book


def hash_of_contents(reader: Reader, report: FileReport, book: Book) -> str:
    """The partial MD5 of a document that is this book; empty where it is not known."""
    found = find_document(reader, report)
    return found.ko_md5 if found.book == book else _contents_unless_name(report)


def remember_document(reader: Reader, report: FileReport, found: FoundDocument) -> DeviceFile:
    """Keep a document, with its book if it has one, and what newer clients tell of it beside what was told before."""
    kept = found.kept
    if kept is None:
        return remember_file(reader, report, book=found.book)
    told: dict[str, object] = {"title": report.title[:1000], "authors": report.authors[:1000]}
    if report.filename != report.document:
        told["filename"] = report.filename[:1000]
    now = {name: text for name, text in told.items() if text} | document_fields(report)
    now |= {"book_id": found.book.pk if found.book else None}
    changed = [name for name, value in now.items() if getattr(kept, name) != value]
    if found.book is None:
        now["seen_at"] = timezone.now()
        changed.append("seen_at")
    for name in changed:
        setattr(kept, name, now[name])
    if changed:
        update_row(kept, changed)
    return kept


def place_of_document(reader: Reader, report: FileReport) -> Place | None:
    """The reader's place in a document, whether the library knows it or not."""
    found = find_document(reader, report)
    if found.book is not None:
        return current_place(reader, found.book, ko_md5=found.ko_md5, wanted=found.wanted)
    return parked_place(found.files) if found.files else None


@dataclass
class _Lookup:
    reader: Reader
    report: FileReport
    trusts_kept: bool
    rows: list[_Row] = field(default_factory=list)

    def find(self) -> FoundDocument:
        if self.report.ko_md5:
            md5 = self.report.ko_md5
            self.rows = query(_KNOWN, [self.reader.pk, md5, md5, digest_number(md5)])
            if found := self.by_link(self.of_kind("link")):
                return found
            if found := self.by_hash():
                return found
            if found := self.by_link(self.links_of_name()):
                return found
            if found := self.by_name():
                return found
        return self.by_what_is_kept()

    def of_kind(self, kind: str) -> list[_Row]:
        return [row for row in self.rows if row[0] == kind]

    def links_of_name(self) -> list[_Row]:
        """What the reader said of files whose names have this MD5."""
        said: list[_Row] = query(_SAID, [self.reader.pk])
        return [row for row in said if self.report.ko_md5 in name_md5s(row[2])]

    def by_link(self, said: list[_Row]) -> FoundDocument | None:
        """What the reader said, if it is one thing and can still be had."""
        books = {row[1] for row in said}
        if len(books) > 1:
            stands_for = standing_ids([book_id for book_id in books if book_id is not None])
            books = {stands_for.get(book_id or 0, book_id) for book_id in books}
        if len(books) != 1:
            return None
        [book_id] = books
        files, kept = self.kept()
        if book_id is None:
            return FoundDocument(files=files, kept=kept, is_traced=True)
        book = visible_book(self.reader, book_id)
        if book is None:
            return None
        md5 = _only(row[3] for row in said if row[3] not in name_md5s(row[2]))
        wanted = "" if md5 else _only(_kind_taken(row[2]) for row in said)
        return FoundDocument(book, md5, wanted, files, kept, is_traced=True)

    def by_hash(self) -> FoundDocument | None:
        hashed = self.of_kind("hash")
        books = {row[1] for row in hashed} if len(hashed) < ROWS_AT_MOST else set()
        book = visible_book(self.reader, _only_id(books)) if len(books) == 1 else None
        return FoundDocument(book, self.report.ko_md5) if book else None

    def by_name(self) -> FoundDocument | None:
        named = self.of_kind("name")
        if len(named) == ROWS_AT_MOST:
            return None
        if len({row[1] for row in named}) > 1:
            now = _called_so_now(self.reader, self.report.ko_md5, [row[4] for row in named])
            named = [row for row in named if row[4] in now]
        books = {row[1] for row in named}
        book = visible_book(self.reader, _only_id(books)) if len(books) == 1 else None
        if book is None:
            return None
        if md5 := _only(row[3] for row in named):
            return FoundDocument(book, md5)
        files, kept = self.kept()
        wanted = _only(_kind_taken(f".{row[2]}") for row in named)
        return FoundDocument(book, "", wanted, files, kept, is_traced=True)

    def kept(self) -> tuple[tuple[int, ...], DeviceFile | None]:
        """The rows under which something may be kept: of this document, and of files with this hash."""
        key, md5 = document_key(self.report.document), self.report.ko_md5
        if md5:
            files = fetch_rows(DeviceFile, "reader_id = %s AND ko_md5 = %s", [self.reader.pk, md5])
        else:
            files = fetch_rows(
                DeviceFile, "reader_id = %s AND name_key = %s AND ko_md5 = %s", [self.reader.pk, key, ""]
            )
        own = next((file for file in files if file.name_key == key), None)
        return tuple(file.pk for file in files), own

    def by_what_is_kept(self) -> FoundDocument:
        """What it was taken for before, and after that what it is called, as far as either is sure."""
        files, kept = self.kept()
        book = None
        if self.trusts_kept and kept is not None and kept.book_id is not None:
            book = visible_book(self.reader, kept.book_id)
        report = self.report
        if kept is not None and report.filename == report.document:
            # Only newer clients tell what the file is called, and only when they push.
            report = document_report(
                report.document,
                filename=kept.filename,
                title=report.title or kept.title,
                authors=report.authors or kept.authors,
            )
        if book is None and (report.filename != report.document or report.title or not report.ko_md5):
            book = resolve(self.reader, report.as_clue()).book
        if book is None:
            return FoundDocument(files=files, kept=kept)
        md5 = _contents_unless_name(report) or _hash_of_name(book, report.filename)
        return FoundDocument(book, md5, "" if md5 else _kind_taken(report.filename), files, kept, is_traced=True)


def _called_so_now(reader: Reader, md5: str, file_ids: Collection[int]) -> set[int]:
    """Of these files the ones that have a name with this MD5 today: others may still lie on a device from earlier."""
    digest, found = digest_number(md5), set()
    books = books_visible_to(reader).filter(files__in=file_ids).distinct()
    for book in with_details(books):
        authors, series = authors_of(book), book.series.name if book.series else ""
        for file in BookFile.objects.filter(book=book, pk__in=file_ids, is_present=True):
            names = names_of(book, file, authors=authors, series=series)
            if any(name_digest(name) == digest for name in names):
                found.add(file.pk)
    return found


def name_md5s(filename: str) -> set[str]:
    """The MD5s by which KOSync may name a file that is called so."""
    return {
        hashlib.md5(name.encode(errors="replace"), usedforsecurity=False).hexdigest() for name in path_names(filename)
    }


def _contents_unless_name(report: FileReport) -> str:
    """A document's MD5 if it may be that of the contents: it is no hash of them where it is that of the name."""
    return "" if report.ko_md5 in name_md5s(report.filename) else report.ko_md5


def _hash_of_name(book: Book, filename: str) -> str:
    """The partial MD5 of the book's file that is called so, if there is one."""
    return _only(BookFile.objects.filter(book=book, name_key=file_name_key(filename)).values_list("ko_md5", flat=True))


def _kind_taken(filename: str) -> str:
    """The kind of locator that KOReader takes for such a file, where its name tells."""
    name = filename.lower()
    if name.endswith(tuple(f".{suffix}" for suffix in _PAGED)):
        return LocatorKind.PAGE
    return LocatorKind.XPOINTER if name.endswith(tuple(f".{suffix}" for suffix in _FLOWING)) else LocatorKind.NONE


def _only(texts: Iterable[str]) -> str:
    """The only one of these, or nothing."""
    each = set(texts)
    return each.pop() if len(each) == 1 else ""


def _only_id(ids: Collection[int | None]) -> int:
    [found] = ids
    assert found is not None
    return found
