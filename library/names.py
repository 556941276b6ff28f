"""What the downloads of books are called; the names themselves are made in `matching.own_names`."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from accounts.statements import query
from library.models import Book, Series
from matching import own_names
from matching.own_names import NAME_BYTES, cut, id_mark, safe_name, volume_number

__all__ = (
    "NAME_BYTES",
    "cut",
    "distinct_marks",
    "download_name",
    "entry_title",
    "folder_name",
    "marks_among_all",
    "safe_name",
    "volume_number",
)


def entry_title(book: Book) -> str:
    """The title as a list shows it: with the volume in front where the book has a place in a series."""
    return own_names.entry_title(title=book.title, series=series_name(book), series_index=book.series_index)


def folder_name(book: Book, *, series_folder: str | None = None) -> str:
    """`<book_type>/<Series Name>`, or the type alone for a book in no series; no slash at either end.

    `series_folder` is given where another series has the folder of that name, see `folder_of_series`.
    """
    if not book.series:
        return str(book.book_type)
    return f"{book.book_type}/{series_folder or safe_name(book.series.name)}"


def folder_of_series(series: Series) -> str:
    """The folder's name; with the series' id where an older series has one that no disk tells from it."""
    key = own_names.folder_key(series.name)
    older = query("SELECT 1 FROM library_series WHERE folder_key = %s AND id < %s LIMIT 1", [key, series.pk])
    return safe_name(series.name, suffix=id_mark(series.pk) if older else "")


def download_name(book: Book, format: str, *, mark: str = "") -> str:
    """The name of one of the book's files; `mark` as `distinct_marks` or `marks_among_all` has it."""
    return own_names.download_name(
        title=book.title, series=series_name(book), series_index=book.series_index, suffix=f".{format}", mark=mark
    )


def distinct_marks(books: Iterable[Book]) -> dict[int, str]:
    """By book id what the names of its files get so that no two in one folder are equal, case not counting.

    Of books with equal names the oldest gets nothing and the others their id, so that a device that has the oldest
    still finds it under its name when another comes. Equal without their formats, too: KOReader keeps what it knows of
    a book in a folder that is named without it.
    """
    marks: dict[int, str] = {}
    taken: set[str] = set()
    for book in sorted(books, key=lambda each: each.pk):
        for mark in _marks(book.pk):
            stems = _stems(book, mark)
            if stems.isdisjoint(taken):
                break
        taken |= stems
        marks[book.pk] = mark
    return marks


def marks_among_all(books: Sequence[Book]) -> dict[int, str]:
    """The marks of books in no series, whose folder holds all such books of their type. One query."""
    keys = {own_names.name_key(book.title) for book in books}
    columns = ("title", "book_type", "series_index", "series")
    alike = Book.objects.filter(name_key__in=keys, series=None, merged_into=None).only(*columns) if keys else []
    folders: dict[str, list[Book]] = defaultdict(list)
    for each in alike:
        folders[each.book_type].append(each)
    marks = {pk: mark for folder in folders.values() for pk, mark in distinct_marks(folder).items()}
    return {book.pk: marks.get(book.pk, "") for book in books}


def _marks(book_id: int) -> Iterator[str]:
    yield ""
    yield id_mark(book_id)
    n = 2
    while True:  # a title can look like another book's mark
        yield f" [{book_id}-{n}]"
        n += 1


def _stems(book: Book, mark: str) -> set[str]:
    """All that the names can be without their suffixes, which decide where a long one is cut."""
    stems = {
        download_name(book, format, mark=mark)[: -len(f".{format}")].casefold()
        for format in ("cbz", "epub", "kepub.epub")
    }
    # `X.kepub.epub` is the KEPUB of X and the EPUB of a book that is called `X.kepub`.
    return stems | {f"{stem}.kepub" for stem in stems}


def series_name(book: Book) -> str:
    return book.series.name if book.series_id is not None and book.series else ""
