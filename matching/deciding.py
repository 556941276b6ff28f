"""Which book is this file? Each rule answers, or passes on to the next; none may guess.

A wrong match writes one book's progress onto another, a missed one costs a tap: so a rule that finds two books, or a
contradiction, decides nothing. The answer depends neither on the order of the candidates nor on unrelated ones.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from matching.names import author_key, file_name_key, is_book_name, stem, title_key


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

    @cached_property
    def title_keys(self) -> frozenset[str]:
        """What the file says its title is: its name without the suffix, and the document's own title."""
        return frozenset(filter(None, (title_key(stem(self.filename)), self.stated_title_key)))

    @cached_property
    def stated_title_key(self) -> str:
        return title_key(self.title)


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


@dataclass(frozen=True)
class Case:
    """All that the rules look at."""

    clue: Clue
    candidates: tuple[Candidate, ...]
    links: tuple[Link, ...]

    @cached_property
    def by_id(self) -> dict[int, Candidate]:
        return {candidate.book_id: candidate for candidate in self.candidates}

    @cached_property
    def of_same_hash(self) -> tuple[Candidate, ...]:
        """Books with a file of this hash; where both sizes are known, of this size too."""
        return tuple(
            candidate
            for candidate in self.candidates
            if any(file.ko_md5 == self.clue.ko_md5 and self.clue.size in (None, file.size) for file in candidate.files)
            and self.clue.ko_md5
        )

    @cached_property
    def of_similar_hash(self) -> tuple[Candidate, ...]:
        """Books with a file of this hash, but of another size."""
        return tuple(
            candidate
            for candidate in self.candidates
            if candidate not in self.of_same_hash
            and any(file.ko_md5 == self.clue.ko_md5 for file in candidate.files)
            and self.clue.ko_md5
        )

    def choice(self, fitting: Iterable[Candidate]) -> list[Candidate]:
        """Of these, the ones that the hash does not rule out: if it fits some books, it is one of them."""
        return [candidate for candidate in fitting if not self.of_same_hash or candidate in self.of_same_hash]


Rule = Callable[[Case], Verdict | None]


def decide(
    clue: Clue, candidates: Iterable[Candidate], links: Iterable[Link] = (), *, rules: Sequence[Rule] | None = None
) -> Verdict:
    """The first rule's verdict, in the order of RULES; without one, no book, and the candidates with reasons.

    A rule that asks whether a book is the only one of a name must be given all of that name: whoever looks candidates
    up step by step names the `rules` that may speak already.
    """
    in_order = tuple(sorted(candidates, key=lambda candidate: candidate.book_id))
    case = Case(clue, in_order, tuple(links))
    for rule in RULES if rules is None else rules:
        if verdict := rule(case):
            return verdict
    return undecided(case)


def by_kind_of_name(case: Case) -> Verdict | None:
    """A sidecar folder or an unfinished download is no book, whatever its name says before the suffix."""
    if is_book_name(case.clue.filename):
        return None
    return Verdict(None, "none", 0.0, "This is not a book but a sidecar folder or an unfinished download.")


def by_link_with_hash(case: Case) -> Verdict | None:
    """What the reader said about a file with this hash, whatever it is called now."""
    said = [
        link
        for link in case.links
        if link.ko_md5
        and link.ko_md5 == case.clue.ko_md5
        and (link.size is None or case.clue.size is None or link.size == case.clue.size)
    ]
    # Two files of other content can share a hash; then the one of this name is meant.
    return from_links(case, [link for link in said if link.name_key == case.clue.name_key] or said)


def by_hash(case: Case) -> Verdict | None:
    if len(case.of_same_hash) != 1:
        return None
    [candidate] = case.of_same_hash
    sized = "contents and size" if case.clue.size is not None else "contents"
    confidence = 1.0 if case.clue.size is not None else 0.97
    return Verdict(candidate.book_id, "hash", confidence, f"The file's {sized} are those of a file of this book.")


def by_link_of_name(case: Case) -> Verdict | None:
    """What the reader said about a file of this name, of which no more was known then."""
    return from_links(case, [link for link in case.links if not link.ko_md5 and link.name_key == case.clue.name_key])


def by_file_name(case: Case) -> Verdict | None:
    """The exact base name of files of one book only; a name that two books share says nothing."""
    fitting = case.choice(of_file_name(case))
    if len(fitting) != 1:
        return None
    return Verdict(fitting[0].book_id, "filename", 0.95, "A file of this book has exactly this name.")


def by_title(case: Case) -> Verdict | None:
    """The whole title of one book, whose authors are not others; authors decide between equal titles."""
    fitting = [candidate for candidate in case.choice(of_title(case)) if not has_other_authors(case.clue, candidate)]
    if len(fitting) > 1:
        fitting = [candidate for candidate in fitting if shares_author(case.clue, candidate)]
    if len(fitting) != 1:
        return None
    if shares_author(case.clue, fitting[0]):
        return Verdict(fitting[0].book_id, "title_author", 0.92, "The title and an author are this book's.")
    if case.clue.stated_title_key not in ("", fitting[0].title_key):
        return None  # the file is named like this book, but the document says that it is another
    return Verdict(fitting[0].book_id, "title", 0.85, "The title is this book's, and no other book has it.")


RULES_BEFORE_NAMES: Sequence[Rule] = (by_kind_of_name, by_link_with_hash, by_hash, by_link_of_name)
RULES_BEFORE_TITLES: Sequence[Rule] = (*RULES_BEFORE_NAMES, by_file_name)
RULES: Sequence[Rule] = (*RULES_BEFORE_TITLES, by_title)


def from_links(case: Case, said: Sequence[Link]) -> Verdict | None:
    """A verdict where all these links say the same, and what they say can still be had."""
    books = {link.book_id for link in said}
    if len(books) != 1:
        return None
    [book_id] = books
    if book_id is None:
        return Verdict(None, "link", 1.0, "You said that this file is none of the library's books.")
    if book_id not in case.by_id:
        return None  # the book is gone or not this reader's to see
    return Verdict(book_id, "link", 1.0, "You said that this file is this book.")


def of_file_name(case: Case) -> list[Candidate]:
    return [
        candidate
        for candidate in case.candidates
        if any(file.name_key == case.clue.name_key for file in candidate.files)
    ]


def of_title(case: Case) -> list[Candidate]:
    return [candidate for candidate in case.candidates if candidate.title_key in case.clue.title_keys]


def author_keys(stated: Iterable[str]) -> list[frozenset[str]]:
    """The persons that these texts name. Some hold several; a comma may invert a name or list two: both are tried."""
    keys: list[frozenset[str]] = []
    for text in stated:
        for name in re.split(r"[\n&;]", text):
            keys += [author_key(name), *map(author_key, name.split(","))]
    return [key for key in keys if key]


def shares_author(clue: Clue, candidate: Candidate) -> bool:
    known = [author_key(name) for name in candidate.authors]
    return any(same_person(stated, name) for stated in author_keys(clue.authors) for name in known)


def same_person(one: frozenset[str], other: frozenset[str]) -> bool:
    """Equal names in any order; where one side has more, the other's must all be among them, initials included."""
    if one == other:
        return bool(one)
    fewer, more = sorted((one, other), key=len)
    if len(fewer) < 2 or not any(len(name) > 1 for name in one & other):
        return False  # a surname alone, or initials alone, are many people

    def fits(name: str, against: str) -> bool:
        return name == against or (1 in (len(name), len(against)) and name[0] == against[0])

    return all(any(fits(name, against) for against in more) for name in fewer)


def has_other_authors(clue: Clue, candidate: Candidate) -> bool:
    """Are authors known of both, and nobody is among both?"""
    return bool(author_keys(clue.authors) and candidate.authors) and not shares_author(clue, candidate)


def undecided(case: Case) -> Verdict:
    """No book, and what a reader could choose from, the likeliest first."""
    offers: dict[int, Offer] = {}

    def offer(candidates: Iterable[Candidate], reason: str) -> None:
        for candidate in candidates:
            offers.setdefault(candidate.book_id, Offer(candidate, reason))

    offer(case.of_same_hash, "The contents look like a file of this book, but another book has one like it.")
    offer(case.of_similar_hash, "The contents look like a file of this book, but the size is another.")
    offer(of_file_name(case), "A file of this book has this name, but another book has one too.")
    titled = of_title(case)
    others = [candidate for candidate in titled if has_other_authors(case.clue, candidate)]
    fitting = [candidate for candidate in titled if candidate not in others]
    offer(fitting, "The title is the same, but that alone does not tell which book it is.")
    offer(others, "The title is the same, but the authors are others.")
    if not offers:
        return NOTHING
    return Verdict(None, "none", 0.0, "Several books could be meant, or one only might be.", tuple(offers.values()))
