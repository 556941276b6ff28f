"""Names as they come on devices: made from a book's description by what people, stores and scan groups do to them.

The same name again for the same number, so that libraries of two sizes are asked the same questions.
"""

import unicodedata
from collections.abc import Callable
from random import Random

from matching.deciding import Clue
from matching.own_names import catalogue_names, entry_title, safe_name, volume_number
from tests.generating.books import Description


def volume_of(book: Description) -> str:
    return volume_number(book.series_index) if book.series and book.series_index is not None else ""


def author_of(book: Description) -> str:
    return book.authors[0] if book.authors else "Unknown"


def inverted(author: str) -> str:
    first, _, last = author.rpartition(" ")
    return f"{last}, {first}" if first else last


def store_tag(book: Description, random: Random) -> str:
    return f"{safe_name(book.title)} ({author_of(book)}) ({random.choice(('Z-Library', 'z-lib.org', 'Retail'))})"


def scan_tag(book: Description, random: Random) -> str:
    if not volume_of(book):
        return f"{safe_name(book.title)} ({book.published[:4] or 1999}) (Digital) (group-Empire)"
    return (
        f"{safe_name(book.series)} v{volume_of(book).zfill(2)} ({book.published[:4] or 2001}) (Digital) (danke-Empire)"
    )


def underscores(book: Description, random: Random) -> str:
    return safe_name(f"{book.title} - {author_of(book)}").replace(" ", "_")


def dotted(book: Description, random: Random) -> str:
    return safe_name(f"{author_of(book)} - {book.title}.{book.published[:4] or 1999}.Retail").replace(" ", ".")


def without_article(book: Description, random: Random) -> str:
    first, _, rest = book.title.partition(" ")
    if first in ("The", "A", "Der", "Die", "Das", "Le", "La", "Los", "El") and rest:
        return safe_name(random.choice((rest, f"{rest}, {first}")) + f" - {author_of(book)}")
    return safe_name(f"{book.title} - {author_of(book)}")


def author_inverted(book: Description, random: Random) -> str:
    return safe_name(f"{inverted(author_of(book))} - {book.title}")


def with_series(book: Description, random: Random) -> str:
    if not volume_of(book):
        return safe_name(f"{author_of(book)} - {book.title}")
    return safe_name(f"{book.title} ({book.series} Book {volume_of(book)}) - {inverted(author_of(book))}")


def series_and_number(book: Description, random: Random) -> str:
    if not volume_of(book):
        return safe_name(f"{book.title}")
    marker = random.choice(("", "Vol. ", "Volume ", "T", "Band ", "#", "Book "))
    return safe_name(f"{book.series} {marker}{volume_of(book)}")


def decomposed(book: Description, random: Random) -> str:
    return unicodedata.normalize("NFD", safe_name(f"{book.title} - {author_of(book)}"))


def mojibake(book: Description, random: Random) -> str:
    return safe_name(safe_name(f"{author_of(book)} - {book.title}").encode().decode("latin-1"))


def shouted(book: Description, random: Random) -> str:
    return safe_name(book.title).upper() + random.choice(("", " (1)", " - Copy"))


def volume_not_owned(book: Description, random: Random) -> str:
    name = book.series or book.title
    return safe_name(f"{name} v{random.randint(500, 900)} (2019) (Digital) (1r0n)")


def with_unknown_words(book: Description, random: Random) -> str:
    return safe_name(f"{book.title} {random.choice(('Companion', 'Study Guide', 'Colouring Book', 'Part Two'))}")


def never_seen(book: Description, random: Random) -> str:
    """Words that the library has, in an order that it has not."""
    words = book.title.split() or ["nothing"]
    random.shuffle(words)
    return safe_name(f"{random.choice(words)} {random.choice(words)} from the Attic - {inverted(author_of(book))}")


Mess = Callable[[Description, Random], str]
MESSES: tuple[Mess, ...] = (
    *(store_tag, scan_tag, underscores, dotted, without_article, author_inverted, with_series, series_and_number),
    *(decomposed, mojibake, shouted, volume_not_owned, with_unknown_words, never_seen),
)
MEANING_NOTHING = (volume_not_owned, with_unknown_words, never_seen)
SUFFIX = {"cbz": ".cbz", "pdf": ".pdf", "epub": ".epub"}


def suffix_of(book: Description) -> str:
    return SUFFIX[book.files[0].format]


def exact_clue(book: Description) -> Clue:
    """The name that the file has in the library, without a hash that would decide sooner."""
    folder, _, name = book.files[0].path.rpartition("/")
    return Clue(name, folder=folder.rpartition("/")[2])


def own_clue(book: Description) -> Clue:
    """One of the names under which Tome hands the book out."""
    title = entry_title(title=book.title, series=book.series, series_index=book.series_index)
    if book.number % 2:
        return Clue(safe_name(title, suffix=suffix_of(book)), folder=safe_name(book.series) if book.series else "")
    return Clue(next(iter(catalogue_names(f"{author_of(book)} - {title}", suffix=suffix_of(book)))))


def messy_clue(book: Description) -> Clue:
    random = Random(book.number)
    name = MESSES[book.number % len(MESSES)](book, random)
    return Clue(name + suffix_of(book))
