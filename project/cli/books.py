"""`tome book`, `tome files` and `tome link`: what only a person can decide about books and files."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from project.cli.accounts import reader_named
from project.cli.django import use_django
from project.cli.shown import printable

if TYPE_CHECKING:
    from accounts.models import Reader
    from library.models import Book, BookFile
    from reading.models import DeviceFile

# Fields of a book under the names that the options have.
OPTIONS = {
    "author": "authors",
    "index": "series_index",
    "type": "book_type",
    "subject": "subjects",
    "direction": "reading_direction",
}
SHOWN = (
    *("title", "sort_title", "authors", "series", "series_index", "book_type", "language", "publisher", "published"),
    *("subjects", "reading_direction", "description"),
)
OFFERS_SHOWN = 5
CELL_WIDTH = 60
SIZES = (("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1_000))


def show_table(rows: Iterable[Sequence[str]]) -> None:
    lines = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))] if lines else []
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True) if width)
        click.echo("  ".join(cells).rstrip())


@contextmanager
def sentences() -> Iterator[None]:
    from library.errors import LibraryError

    try:
        yield
    except LibraryError as error:
        raise click.ClickException(error.sentence) from None


def tell_workers() -> None:
    """Have what was marked stale rebuilt now, if a service runs; the next one that does finds the marks otherwise."""
    from reading.refreshing import mark_renamed
    from workers.broker import broker_answers
    from workers.enqueue import publish_now
    from workers.library import refresh_manifests
    from workers.reading import adopt, refresh

    mark_renamed()
    if broker_answers():
        publish_now(refresh_manifests)
        publish_now(adopt)  # a file on a device may be called what a book is called now
        publish_now(refresh)


def book_of_id(book_id: int, *, may_be_merged: bool = False) -> "Book":
    from library.models import Book

    book = Book.objects.filter(pk=book_id).first()
    if book is None:
        raise click.ClickException(f"There is no book {book_id}; `tome book list` shows those that there are.")
    if book.merged_into_id is not None and not may_be_merged:
        raise click.ClickException(f"Book {book_id} was merged into book {book.merged_into_id}.")
    return book


def in_series(book: "Book") -> str:
    if book.series is None:
        return ""
    return book.series.name if book.series_index is None else f"{book.series.name} #{book.series_index:g}"


def size_of(count: int) -> str:
    return next((f"{count / unit:.1f} {name}" for name, unit in SIZES if count >= unit), f"{count} bytes")


def shortened(text: str) -> str:
    """So that one long title does not push all other columns off the screen; `tome book show` has all of it."""
    return text if len(text) <= CELL_WIDTH else text[: CELL_WIDTH - 1].rstrip() + "…"


@click.group()
def book() -> None:
    """Books: what they are, and which files are one book."""


@book.command("list")
@click.option("--search", default="", metavar="TEXT", help="Only those with TEXT in title, author or series.")
@click.option("--limit", default=50, type=click.IntRange(1), show_default=True, help="No more than this many.")
def list_books(search: str, limit: int) -> None:
    """List books: id, title, authors, series, type and formats."""
    use_django()
    from django.db.models import Exists, OuterRef, Q

    from library.models import AUTHOR, Authorship, Book
    from library.queries import authors_of, files_of, with_details

    books = Book.objects.filter(merged_into=None).order_by("sort_title", "title", "pk")
    if search:
        author = Authorship.objects.filter(book=OuterRef("pk"), role=AUTHOR, author__name__icontains=search)
        books = books.filter(Q(title__icontains=search) | Q(series__name__icontains=search) | Exists(author))
    found = list(with_details(books)[: limit + 1])
    show_table(
        (
            str(each.pk),
            shortened(each.title),
            shortened(", ".join(authors_of(each))),
            shortened(in_series(each)),
            each.book_type,
            ", ".join(file.format for file in files_of(each)) or "no file is there",
        )
        for each in found[:limit]
    )
    if len(found) > limit:
        click.echo(f"There are more; these are the first {limit}.", err=True)
    elif not found:
        click.echo("There is no such book." if search else "There are no books.", err=True)


@book.command("show")
@click.argument("book_id", type=int, metavar="ID")
def show_book(book_id: int) -> None:
    """Show all of a book: its fields, where each comes from, and its files."""
    use_django()
    from library.describing import rank

    shown = book_of_id(book_id, may_be_merged=True)
    ranked = sorted(shown.files.all(), key=rank)
    rows = []
    for name in SHOWN:
        value = value_of(shown, name)
        if value or name in shown.edits:
            rows.append((name, value or "none", source_of(shown, name, ranked)))
    show_table(rows)
    if shown.merged_into_id is not None:
        click.echo(f"It was merged into book {shown.merged_into_id}.")
    for file in ranked:
        click.echo(f"File {file.pk}: {file.format}, {size_of(file.size)}, {printable(file.path)}")
        if not file.is_present:
            click.echo("  It is not there now.")
        if file.reason:
            click.echo(f"  {printable(file.reason)}")
        imported = file.imports.order_by("-pk").first()
        for warning in imported.warnings if imported else ():
            click.echo(f"  Warning: {printable(warning)}")


def value_of(shown: "Book", name: str) -> str:
    from library.models import AUTHOR

    if name == "authors":
        people = shown.authorships.select_related("author").order_by("place")
        return ", ".join(
            each.author.name if each.role == AUTHOR else f"{each.author.name} ({each.role})" for each in people
        )
    value = getattr(shown, name)
    if name == "series":
        return value.name if value else ""
    if name == "series_index":
        return "" if value is None else f"{value:g}"
    return ", ".join(value) if isinstance(value, list) else str(value)


def source_of(shown: "Book", name: str, ranked: Sequence["BookFile"]) -> str:
    """Where a field comes from: a person, what a file states, or where it lies."""
    from library.describing import Statement

    if name in shown.edits:
        return "edited"
    said = [(file, Statement.of(file)) for file in ranked]
    stated = "series" if name == "series_index" else name
    for file, statement in said:
        if getattr(statement, stated):
            return f"stated by file {file.pk}"
    for file, statement in said:
        if stated == "series" and statement.place.series:
            return f"from the place of file {file.pk}"
    return "worked out"


@book.command("edit")
@click.argument("book_id", type=int, metavar="ID")
@click.option("--title")
@click.option("--sort-title", help="What it is sorted by.")
@click.option("--author", multiple=True, metavar="NAME", help="Several times for several authors, in their order.")
@click.option("--series", metavar="NAME", help='Empty ("") for none.')
@click.option("--index", metavar="N", help="Place in the series: 3 or 2.5.")
@click.option("--type", metavar="TYPE", help="manga, light_novel, book or comic.")
@click.option("--language", metavar="CODE")
@click.option("--description", metavar="TEXT")
@click.option("--publisher", metavar="NAME")
@click.option("--published", metavar="DATE", help="2011, 2011-05 or 2011-05-27.")
@click.option("--subject", multiple=True, metavar="TEXT", help="Several times for several subjects.")
@click.option("--direction", metavar="ltr|rtl", help="Reading direction.")
@click.option("--reset", multiple=True, metavar="FIELD", help="Show again what the files state, of any of the above.")
def edit(book_id: int, reset: tuple[str, ...], **options: Any) -> None:
    """Set fields of a book by hand. No scan undoes that, and no file is changed."""
    use_django()
    from library.editing import edit_book, reset_edits

    changes = {
        OPTIONS.get(name, name): list(value) if isinstance(value, tuple) else value
        for name, value in options.items()
        if value not in (None, ())
    }
    if not changes and not reset:
        raise click.UsageError("Say what to change: `tome book edit --help` lists the fields.")
    edited = book_of_id(book_id)
    with sentences():
        if reset:
            reset_edits(edited, [OPTIONS.get(name, name).replace("-", "_") for name in reset])
        if changes:
            edit_book(edited, changes)
    tell_workers()
    click.echo(f"Book {book_id} is {printable(edited.title)} now.", err=True)


@book.command("merge")
@click.argument("book_id", type=int, metavar="ID")
@click.argument("other_ids", type=int, nargs=-1, required=True, metavar="OTHER_ID...")
def merge(book_id: int, other_ids: tuple[int, ...]) -> None:
    """Make other books one with the book ID, with everything that was read of them."""
    use_django()
    from reading.merging import merge_books

    into = book_of_id(book_id)
    # Those that are merged into it already are named again after a merge that was interrupted.
    others = [book_of_id(other_id, may_be_merged=True) for other_id in dict.fromkeys(other_ids)]
    try:
        with sentences():
            for other in others:
                into = merge_books(into, other)
                click.echo(f"Book {other.pk} is one with book {into.pk}, {printable(into.title)}, now.", err=True)
    finally:
        tell_workers()


@book.command("split")
@click.argument("file_id", type=int, metavar="FILE_ID")
def split(file_id: int) -> None:
    """Make a file a book of its own, with what was read of it; prints the book's id.

    `tome book show` names the files. A file that came by a merge takes that merge back, with all that came with it.
    """
    use_django()
    from library.models import BookFile
    from reading.merging import split_file

    file = BookFile.objects.filter(pk=file_id).first()
    if file is None:
        raise click.ClickException(f"There is no file {file_id}; `tome book show` names the files of a book.")
    with sentences():
        made = split_file(file)
    tell_workers()
    files = ", ".join(str(pk) for pk in made.files.order_by("pk").values_list("pk", flat=True))
    click.echo(f"{printable(made.title)} is a book of its own now, with file {files}.", err=True)
    click.echo(str(made.pk))


@click.command()
@click.option("--user", "name", metavar="NAME", help="This reader's only.")
@click.option("--all", "with_known", is_flag=True, help="Those too whose book is known.")
def files(name: str | None, with_known: bool) -> None:
    """List files on readers' devices that are no known book, what is kept of them, and which books they might be."""
    use_django()
    from reading.models import DeviceFile

    kept = DeviceFile.objects.select_related("reader", "book").order_by("reader__username", "-seen_at", "pk")
    if name is not None:
        kept = kept.filter(reader=reader_named(name))
    if not with_known:
        kept = kept.filter(book=None)
    is_empty = True
    for file in kept.iterator():
        is_empty = False
        show_file(file)
    if is_empty:
        click.echo("There are no such files.", err=True)


def show_file(file: "DeviceFile") -> None:
    named = f" ({printable(file.filename)})" if file.title and file.title != file.filename else ""
    seen = f"{file.seen_at:%Y-%m-%d}"
    click.echo(f"{file.pk}  {printable(file.reader.username)}  {printable(file.shown_title)}{named}, seen {seen}")
    click.echo(f"  {kept_of(file)}")
    if file.book is not None:
        click.echo(f"  It is book {file.book.pk}, {printable(file.book.title)}.")
        return
    for offer in offers_for(file.reader, file):
        click.echo(f"  {offer}")


def kept_of(file: "DeviceFile") -> str:
    sessions = file.sessions.count()
    place = file.position_writes.order_by("-read_at", "-pk").first()
    counted = "1 session" if sessions == 1 else f"{sessions} sessions"
    return f"{counted}, last at {place.percentage:.0%}" if place else f"{counted}, no place"


def offers_for(reader: "Reader", file: "DeviceFile") -> list[str]:
    from library.resolving import resolve
    from reading.files import report_of

    found = resolve(reader, report_of(file).as_clue())
    if found.book is not None:
        return [f"It is taken for book {found.book.pk}, {printable(found.book.title)}; `tome link` would count it."]
    if found.method == "link":
        return ["You said that it is none of the books."]
    return [
        f"Perhaps book {offer.book_id}, {printable(offer.title)}: {printable(offer.reason)}"
        for offer in found.candidates[:OFFERS_SHOWN]
    ]


@click.command()
@click.option("--user", "name", required=True, metavar="NAME", help="Whose file it is.")
@click.argument("file_id", type=int, metavar="FILE_ID")
@click.argument("said", metavar="BOOK_ID|none|undo")
def link(name: str, file_id: int, said: str) -> None:
    """Say that a file of `tome files` is a certain book, or none of them, or take back what was said.

    What was read of the file goes along.
    """
    use_django()
    from reading.files import report_of
    from reading.links import link_file, link_to_none, unlink_file

    reader = reader_named(name)
    file = reader.device_files.filter(pk=file_id).first()
    if file is None:
        raise click.ClickException(f"{name} has no file {file_id}; `tome files --all --user {name}` lists them.")
    report, shown = report_of(file), printable(file.filename)
    if said == "none":
        link_to_none(reader, report)
        outcome = f"{shown} is none of the books now."
    elif said == "undo":
        unlink_file(reader, report)
        outcome = f"Nothing is said of {shown} any more."
    elif said.isdecimal():
        linked = book_of_id(int(said))
        link_file(reader, report, linked)
        outcome = f"{shown} is book {linked.pk}, {printable(linked.title)}, now."
    else:
        raise click.UsageError(f"Say a book's id, none or undo, not {said!r}.")
    tell_workers()
    click.echo(outcome, err=True)
