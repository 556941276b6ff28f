"""Which book a file belongs to when it is first taken in: one that is there already in another format, or a new one.

Two files are of one book if title, authors, series and index are the same; or if they share an identifier and in none
of these they differ. An identifier alone says nothing: tools copy it from book to book. What is grouped wrongly mixes
two reading histories, so where something essential is not known, the file becomes a book of its own: a person can
merge the two.
"""

import os
from collections.abc import Iterable

from accounts.statements import query
from library.describing import COMICS, Statement
from library.formats import stem_of
from library.formats.metadata import Identifier as StatedIdentifier
from library.models import Book
from library.queries import authors_of as names_of
from matching.names import author_key, title_key
from matching.people import is_nobody, same_person

Pair = tuple[str, str]  # an identifier's scheme and value
CANDIDATES_LIMIT = 50  # books of one title; more of them cannot be told apart by what they are called
# Made anew for each conversion or each library, so they name a record rather than a work. Equal ones are a good sign
# all the same; only an empty or obviously shared value is none.
MEANINGLESS = frozenset({"", "0", "none", "unknown", "id", "bookid", "0000000000000", "9780000000000"})


def book_for(
    path: str, format: str, stated: Statement, identifiers: Iterable[StatedIdentifier]
) -> tuple[Book, str] | None:
    """The book that a new file belongs to, with the reason as a sentence; None where it is a book of its own.

    Books of which all files are away count too: a file that comes back in another format finds its history. A book that
    was edited counts as what it was edited to: whoever did that knew better than its files.
    """
    newcomer = Newcomer(path, format, stated)
    if not newcomer.title_key:
        return None
    of_title = books(query(BY_TITLE, [newcomer.title_key]))
    shared = books_sharing(identifiers) if of_title else []
    # The surest first, so that which of two books it joins does not depend on which came first.
    for fits, candidates, reason in (
        (newcomer.is_described_alike, of_title, "Its title, authors, series and index are those of another file."),
        (newcomer.agrees_with, shared, "Its identifier is that of another file, and nothing that they state differs."),
        (newcomer.lies_beside, of_title, "It lies beside another file of the same name, and nothing differs."),
    ):
        if book := next(filter(fits, candidates), None):
            return book, reason
    return None


def books_sharing(identifiers: Iterable[StatedIdentifier]) -> list[Book]:
    telling = [each for each in identifiers if each.value.strip().casefold() not in MEANINGLESS]
    if not telling:
        return []
    pairs = " OR ".join(["(library_identifier.value = %s AND library_identifier.scheme = %s)"] * len(telling))
    return books(query(BY_IDENTIFIER.format(pairs), [text for each in telling for text in (each.value, each.scheme)]))


# Asked of each new file, most of which are of no known book: hence written out, see `accounts.statements`.
BY_TITLE = f"""
    SELECT id FROM library_book WHERE title_key = %s AND merged_into_id IS NULL ORDER BY id LIMIT {CANDIDATES_LIMIT}"""
BY_IDENTIFIER = f"""
    SELECT DISTINCT library_book.id
    FROM library_identifier
    JOIN library_bookfile ON library_bookfile.id = library_identifier.file_id
    JOIN library_book ON library_book.id = library_bookfile.book_id
    WHERE ({{}}) AND library_book.merged_into_id IS NULL ORDER BY library_book.id LIMIT {CANDIDATES_LIMIT}"""


def books(rows: Iterable[tuple[int, ...]]) -> list[Book]:
    """The books of these ids, oldest first, that have a file."""
    ids = [pk for (pk,) in rows]
    if not ids:
        return []
    found = Book.objects.filter(pk__in=ids).select_related("series").prefetch_related("files")
    return [book for book in found.order_by("id") if book.files.all()]


class Newcomer:
    """A file that no book has yet, beside the books that might have it."""

    def __init__(self, path: str, format: str, stated: Statement) -> None:
        self.folder, name = os.path.split(path)
        self.stem = stem_of(name).casefold()
        self.is_comic = format in COMICS
        self.stated = stated
        self.title_key = title_key(stated.title_or_name)
        self.authors = [key for key in map(author_key, stated.authors) if not is_nobody(key)]

    def is_described_alike(self, book: Book) -> bool:
        """Are title, authors, series and index the same, and authors or series stated and not read from a name?

        Files and folders are called alike in many places: "Omnibus v01", "Extras".
        """
        authors = authors_of(book)
        same = self._same_kind(book) and self._same_series(book) and self._same_authors(authors)
        return same and bool(authors or (self.stated.series and is_series_stated(book)))

    def agrees_with(self, book: Book) -> bool:
        """Is the title the same, and does nothing else that both state differ?"""
        authors = authors_of(book)
        return (
            self._same_kind(book)
            and book.title_key == self.title_key
            and (not self.authors or not authors or self._same_authors(authors))
            and (self._series() is None or book.series is None or self._same_series(book))
        )

    def lies_beside(self, book: Book) -> bool:
        """Has the book a file of the same name in the same folder, in another format, and agrees with this one?"""
        is_beside = any(
            os.path.dirname(file.path) == self.folder and stem_of(os.path.basename(file.path)).casefold() == self.stem
            for file in book.files.all()
        )
        return is_beside and self.agrees_with(book)

    def _same_kind(self, book: Book) -> bool:
        """Text beside text or pages beside pages, in one language.

        The novel and its comic, or a book and its translation, may share all else, and are not read alike.
        """
        of_comics = [file.format in COMICS for file in book.files.all()]
        one, other = self.stated.language[:2].lower(), book.language[:2].lower()
        return (not of_comics or self.is_comic in of_comics) and (not one or not other or one == other)

    def _series(self) -> tuple[str, float | None] | None:
        name, index = self.stated.series_and_index
        return (title_key(name), index) if name else None

    def _same_series(self, book: Book) -> bool:
        theirs = (title_key(book.series.name), book.series_index) if book.series else None
        return self._series() == theirs

    def _same_authors(self, theirs: list[frozenset[str]]) -> bool:
        """The same persons on both sides, in any order and spelling; both sides empty is the same too."""
        if len(self.authors) != len(theirs):
            return False
        return all(any(same_person(one, other) for other in theirs) for one in self.authors)


def is_series_stated(book: Book) -> bool:
    """Does one of its files, or a person, say in which series it is?"""
    return "series" in book.edits or any(file.stated.get("series") for file in book.files.all())


def is_another_work(before: Statement, after: Statement, ids_before: set[Pair], ids_after: set[Pair]) -> bool:
    """Do two versions of a file speak of two works, so that one was put in the place of the other?

    A file that was only corrected keeps its title, an identifier, or its place in a series. Where little is stated,
    it is taken for the same.
    """
    if not (before.title and after.title) or title_key(before.title) == title_key(after.title):
        return False
    if ids_before & ids_after or (before.series and before.series_and_index == after.series_and_index):
        return False
    authors = [[key for key in map(author_key, each.authors) if not is_nobody(key)] for each in (before, after)]
    are_others = all(authors) and not any(same_person(one, other) for one in authors[0] for other in authors[1])
    return are_others or bool(ids_before and ids_after)


def authors_of(book: Book) -> list[frozenset[str]]:
    return [author_key(name) for name in names_of(book)]
