"""What is known of a file and of the books that it could be, and what is answered: values without behaviour."""

from dataclasses import dataclass
from functools import cached_property

from matching.names import file_name_key, title_key


@dataclass(frozen=True)
class Clue:
    """A file as a device describes it; only the base name is always known."""

    filename: str
    ko_md5: str = ""
    size: int | None = None  # bytes
    folder: str = ""  # name of the parent folder
    title: str = ""
    authors: tuple[str, ...] = ()

    @cached_property
    def name_key(self) -> str:
        return file_name_key(self.filename)


@dataclass(frozen=True)
class FileEvidence:
    """A file that the library holds or held: its name's key, and a hash with the size that it belongs to."""

    name_key: str
    ko_md5: str
    size: int


@dataclass(frozen=True)
class Candidate:
    """A book that this file could be, as the library knows it."""

    book_id: int
    title: str
    authors: tuple[str, ...] = ()
    series: str = ""
    series_index: float | None = None
    files: tuple[FileEvidence, ...] = ()
    isbns: tuple[str, ...] = ()  # 13 digits each
    year: int | None = None  # of publication
    # Those of the file's keys under which it was found, where whoever looked it up knows: it saves making all of them.
    keys: frozenset[str] | None = None
    formats: frozenset[str] = frozenset()  # of its files, as suffixes without a dot, where they are known

    @cached_property
    def title_key(self) -> str:
        return title_key(self.title)


@dataclass(frozen=True)
class Link:
    """What the reader said about a file: it is that book, or (`book_id` is None) none of them."""

    book_id: int | None
    name_key: str
    ko_md5: str = ""  # empty: said of the name alone
    size: int | None = None


@dataclass(frozen=True)
class Offer:
    """A candidate to let the reader choose, with the reason in words."""

    candidate: Candidate
    reason: str


@dataclass(frozen=True)
class Verdict:
    """One book with the method that found it and a confidence from 0 to 1, or None with what could be offered."""

    book_id: int | None
    method: str
    confidence: float
    reason: str
    offers: tuple[Offer, ...] = ()


NOTHING = Verdict(None, "none", 0.0, "Nothing that is known of this file fits a book.")
