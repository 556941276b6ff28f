"""Which book is this file? Each rule answers, or passes on to the next; none may guess.

A wrong match writes one book's progress onto another, a missed one costs a tap: so a rule that finds two books, or a
contradiction, decides nothing. The answer depends neither on the order of the candidates nor on unrelated ones.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from matching.covering import FULL, find, names_of_people
from matching.evidence import NOTHING, Candidate, Clue, FileEvidence, Link, Offer, Verdict
from matching.fitting import ORDER, REASONS, Fit, Fitting
from matching.keys import Lookups, keys_of_book, keys_of_clue
from matching.names import base_name, file_name_key, is_book_name, stem
from matching.own_names import own_names, safe_name
from matching.people import has_other_authors, shares_author
from matching.readings import Reading, Residues, reading_of, readings_of
from matching.vocabulary import FOLDER_WORDS, GENERIC_NAMES
from matching.works import Work, finite, work_of

__all__ = (
    "NOTHING",
    "RULES",
    "RULES_BEFORE_NAMES",
    "RULES_BEFORE_TITLES",
    "Candidate",
    "Clue",
    "FileEvidence",
    "Link",
    "Offer",
    "Rule",
    "Verdict",
    "decide",
)

OFFERS_LIMIT = 20  # nobody chooses from a longer list


@dataclass(frozen=True)
class Case:
    """All that the rules look at."""

    clue: Clue
    candidates: tuple[Candidate, ...]
    links: tuple[Link, ...]
    crowded: frozenset[str] = frozenset()

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

    @cached_property
    def lookups(self) -> Lookups:
        return keys_of_clue(self.clue)

    @cached_property
    def named(self) -> tuple[Candidate, ...]:
        """Books that are found by what the file says of itself. No other may be decided on by a name, so that it does
        not matter which others are at hand."""
        deciding = frozenset(self.lookups.deciding)
        return tuple(candidate for candidate in self.candidates if not deciding.isdisjoint(keys_of(candidate)))

    @cached_property
    def name_readings(self) -> tuple[Reading, ...]:
        """The file's name, read with its folder in front where it says no more than a number."""
        readings = readings_of(self.clue.filename, has_suffix=True)
        if readings and self.clue.folder and is_wordless(readings[0]):
            both = reading_of(f"{self.clue.folder} - {stem(self.clue.filename)}")
            return (replace(both, suffix=readings[0].suffix), *readings)
        return readings

    @cached_property
    def title_readings(self) -> tuple[Reading, ...]:
        """The document's own title, where it says anything."""
        return tuple(reading for reading in readings_of(self.clue.title, has_suffix=False) if not is_wordless(reading))

    @cached_property
    def words(self) -> frozenset[str]:
        """All words of the name in every reading; the title's first word is among them where the name is Tome's."""
        return frozenset(word for reading in self.name_readings for word in reading.texts)

    def own_named(self, *, plain: bool) -> list[Candidate]:
        """The books that Tome would call so."""
        return [
            candidate
            for candidate in self.choice(self.named)
            if is_own_name(self, candidate, plain=plain) and not has_other_authors(self.clue, candidate)
        ]

    @cached_property
    def marked(self) -> list[Candidate]:
        """The books for which the name is Tome's own, and more than a title: it is one of these, if there are any."""
        return self.own_named(plain=False)

    @cached_property
    def is_wordless(self) -> bool:
        return all(is_wordless(reading) for reading in self.name_readings)

    @cached_property
    def fits(self) -> tuple[Fit, ...]:
        """What the name and the document's title together say of each book that they find."""
        fits = tuple(self.fit(candidate) for candidate in self.named)
        fits = tuple(without_own_title(fit, fits) for fit in fits)
        if any(fit.by_document for fit in fits):
            fits = tuple(
                replace(fit, accepted=False, against="document") if fit.despite_document else fit for fit in fits
            )
        if any(fit.against == "document" and fit.method for fit in fits):
            # The name is one book's, the document's title another's: neither is believed.
            return tuple(replace(fit, accepted=False, against=fit.against or "document") for fit in fits)
        return fits

    @cached_property
    def titles(self) -> frozenset[tuple[str, ...]]:
        """The whole titles of the books that could be meant."""
        return frozenset(work_of_candidate(candidate).title for candidate in self.named)

    @cached_property
    def authors_of_series(self) -> dict[str, tuple[str, ...]]:
        """Of the series of books that could be meant: the authors of some, who are likely those of all."""
        found: dict[str, dict[str, None]] = {}
        for candidate in self.named:
            if candidate.series:
                found.setdefault(candidate.series, {}).update(dict.fromkeys(candidate.authors))
        return {series: tuple(authors) for series, authors in found.items()}

    def fit(self, candidate: Candidate) -> Fit:
        work = work_of_candidate(candidate)
        people: tuple[tuple[str, ...], ...] = ()
        if self.clue.authors and (not candidate.authors or shares_author(self.clue, candidate)):
            people = names_of_people(self.clue.authors)
        elif not candidate.authors and candidate.series:
            people = names_of_people(self.authors_of_series.get(candidate.series, ()))

        def best(readings: Sequence[Reading], volumes: Sequence[float] = ()) -> Fit | None:
            found = [
                Fitting(reading, candidate, work, volumes=volumes, people=people, titles=self.titles).best()
                for reading in readings
            ]
            return next((fit for fit in found if fit.accepted), found[0] if found else None)

        by_name = best(self.name_readings)
        if by_name and by_name.against == "absent" and self.is_of_other_kind:
            return Fit(candidate, False, against="absent")
        if not self.title_readings:
            fit = by_name or Fit(candidate, False, against="absent")
        else:
            fit = self.together(candidate, by_name, best(self.title_readings, self.numbers_alone))
        if fit.accepted and self.folder_edition and is_folder_of_work(self.folder_edition, work):
            return replace(fit, accepted=False, against="edition")
        if has_other_authors(self.clue, candidate):
            return replace(fit, accepted=False, against="author" if fit.accepted else fit.against)
        if fit.accepted and shares_author(self.clue, candidate):
            return replace(fit, author=FULL)
        return fit

    @cached_property
    def folder_edition(self) -> Reading | None:
        """The folder's name, where it speaks of an edition, as `Berserk Deluxe Edition` does."""
        if not self.clue.folder:
            return None
        reading = reading_of(self.clue.folder)
        residue = Residues(reading, [0] * len(reading.tokens)).read()
        editions = [place for place in residue.editions if reading.texts[place] not in FOLDER_WORDS]
        return reading if editions else None

    @cached_property
    def is_of_other_kind(self) -> bool:
        """Does the name say that the file is a chapter, a range or the like, beside what else it says?"""
        if not self.name_readings:
            return False
        residue = Residues(self.name_readings[0], [0] * len(self.name_readings[0].tokens)).read()
        return bool(residue.chapter or residue.part or residue.ranges or residue.editions or residue.omnibuses)

    @cached_property
    def numbers_alone(self) -> tuple[float, ...]:
        """The volumes that a name of nothing but numbers states, for the document's title to go with."""
        if not self.name_readings or not is_wordless(self.name_readings[0]):
            return ()
        residue = Residues(self.name_readings[0], [0] * len(self.name_readings[0].tokens)).read()
        return tuple(volume for volume, _place in (*residue.explicit, *residue.bare))

    def together(self, candidate: Candidate, by_name: Fit | None, by_title: Fit | None) -> Fit:
        """One answer of two: where both speak, neither may contradict the other."""
        if by_title is None or by_name is None:
            return by_title or by_name or Fit(candidate, False, against="absent")
        if by_name.accepted:
            if by_title.accepted or by_title.against in SAYS_LESS:
                return max(by_name, by_title, key=lambda fit: (fit.accepted, fit.rank))
            if by_title.against in SAYS_ELSE and shares_author(self.clue, candidate):
                return replace(by_name, despite_document=True)
            return replace(by_name, accepted=False, against="document")
        if by_title.accepted:
            agrees = is_nobodys_name(self.name_readings[0]) or shares_author(self.clue, candidate)
            if by_name.against in SAYS_LESS or (by_name.against == "absent" and agrees):
                return by_title
            if by_name.against == "absent":
                return replace(by_title, accepted=False, against="document", method="", by_document=True)
            return replace(by_name, by_document=True)
        return by_name if by_name.against != "absent" else by_title


def without_own_title(fit: Fit, fits: Sequence[Fit]) -> Fit:
    """A first volume that is called like its series, where other volumes are called so too, has no title of its own."""
    work = work_of_candidate(fit.candidate)
    if not fit.accepted or fit.states_volume or not work.in_series or not work.is_series_title:
        return fit
    others = (work_of_candidate(other.candidate) for other in fits if other.candidate is not fit.candidate)
    if any(other.in_series and other.series == work.series and other.title == work.title for other in others):
        return replace(fit, accepted=False, against="no_volume")
    return fit


SAYS_LESS = ("no_volume", "main", "start", "issue")
SAYS_ELSE = ("absent", "words", "more_words")

Rule = Callable[[Case], Verdict | None]


def decide(
    clue: Clue,
    candidates: Iterable[Candidate],
    links: Iterable[Link] = (),
    *,
    crowded: frozenset[str] = frozenset(),
    rules: Sequence[Rule] | None = None,
) -> Verdict:
    """The first rule's verdict, in the order of RULES; without one, no book, and the candidates with reasons.

    `candidates` must hold all books that have one of `keys_of_clue(clue).deciding`, and those of the clue's hash, base
    name and links; more change nothing. `crowded` are keys of which not all books were looked up: nothing is decided by
    being the only one under such a key. Whoever looks candidates up step by step names the `rules` that may speak
    already.
    """
    in_order = tuple(sorted(candidates, key=lambda candidate: candidate.book_id))
    case = Case(clue, in_order, tuple(links), crowded)
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
    """The exact base name of files of one book only; one that Tome gives to another book too says nothing."""
    fitting = case.choice(of_file_name(case))
    if len(fitting) != 1:
        return None
    others = [candidate for candidate in case.choice(case.candidates) if candidate is not fitting[0]]
    if any(is_own_name(case, other, plain=plain) for other in others for plain in (True, False)):
        return None
    return Verdict(fitting[0].book_id, "filename", 0.95, "A file of this book has exactly this name.")


def by_own_name(case: Case) -> Verdict | None:
    """Exactly a name that Tome gives the files of one book; the folder or the authors decide between several."""
    return from_own_names(case, plain=False)


def by_plain_own_name(case: Case) -> Verdict | None:
    """The same where that name is but the title, which anybody may have written: then as the title of the book."""
    verdict = from_own_names(case, plain=True)
    by_title = by_name(case) if verdict else None
    return by_title if verdict and by_title and by_title.book_id == verdict.book_id else verdict


def from_own_names(case: Case, *, plain: bool) -> Verdict | None:
    fitting = case.own_named(plain=True) if plain else case.marked
    for narrowed in narrowings(case, fitting):
        in_folder = all(is_in_folder_of_series(case, candidate) for candidate in narrowed)
        if len(narrowed) == 1 and not is_hidden_by_crowd(case, narrowed[0], in_folder=in_folder):
            [candidate] = narrowed
            if plain and contradicts_plain_name(case, candidate):
                return None
            return Verdict(
                candidate.book_id, "own_name", 0.93, "The name is the one that this library gives this book."
            )
    return None


def by_isbn(case: Case) -> Verdict | None:
    """A name that says nothing but an ISBN that one book has."""
    stated = [isbn for reading in case.name_readings for isbn in reading.isbns]
    if not stated or not case.is_wordless:
        return None
    fitting = [candidate for candidate in case.choice(case.named) if set(stated) & set(candidate.isbns)]
    if len(fitting) != 1 or any(f"i:{isbn}" in case.crowded for isbn in stated):
        return None
    if has_other_authors(case.clue, fitting[0]):
        return None
    return Verdict(fitting[0].book_id, "isbn", 0.9, "The name is the ISBN of this book.")


def by_name(case: Case) -> Verdict | None:
    """The one book of which the name, and the document's title, say everything that they say."""
    best = best_fits(case)
    if len(best) != 1:
        return None
    [fit] = best
    if fit.key in case.crowded or contradicts_isbn(case, fit.candidate):
        return None
    method, confidence, reason = STATED[fit.method]
    if fit.author == FULL:
        method = "title_author" if method == "title" else method
        confidence, reason = (
            min(round(confidence + 0.07, 2), 0.95),
            reason.replace("is this book's", "and an author are this book's"),
        )
    return Verdict(fit.candidate.book_id, method, confidence, reason)


STATED = {
    "title": ("title", 0.85, "The title is this book's, and no other book fits the name as well."),
    "series_volume": ("series_volume", 0.85, "The series and the volume are this book's, and no other's."),
    "subtitle": ("title", 0.75, "The name begins with this book's title, and no other book fits it."),
    "main_title": ("title", 0.75, "The name is the main part of this book's title, and of no other's."),
    "title_start": ("title_start", 0.75, "The name is the beginning of this book's title, and of no other's."),
}

RULES_BEFORE_NAMES: Sequence[Rule] = (by_kind_of_name, by_link_with_hash, by_hash, by_link_of_name)
RULES_BEFORE_TITLES: Sequence[Rule] = (*RULES_BEFORE_NAMES, by_file_name)
RULES: Sequence[Rule] = (*RULES_BEFORE_TITLES, by_own_name, by_plain_own_name, by_isbn, by_name)


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


def keys_of(candidate: Candidate) -> frozenset[str]:
    """All keys of a book, or those that it was found under: enough to compare with those of the file."""
    if candidate.keys is not None:
        return candidate.keys
    return keys_of_book(
        title=candidate.title,
        authors=candidate.authors,
        series=candidate.series,
        series_index=candidate.series_index,
        isbns=candidate.isbns,
    )


def work_of_candidate(candidate: Candidate) -> Work:
    return work_of(candidate.title, candidate.authors, candidate.series, finite(candidate.series_index))


def is_wordless(reading: Reading) -> bool:
    """Does the name say nothing but numbers and noise?"""
    return not Residues(reading, [0] * len(reading.tokens)).read().leftover


def is_nobodys_name(reading: Reading) -> bool:
    """Is this a name that no person gave: `document (3)`, `B00FLYAWAY`, `x1`?"""
    return all(
        token.value is not None
        or len(token.text) <= 3
        or token.text in GENERIC_NAMES
        or any(character.isdigit() for character in token.text)
        for token in reading.tokens
    )


def is_folder_of_work(folder: Reading, work: Work) -> bool:
    """Does the folder's name hold this book's title or series, but not the words of an edition that are in these?"""
    named = [words for words in (*work.series, *work.pieces) if find(folder.texts, words)]
    covered = [0] * len(folder.tokens)
    for words in named:
        for place in find(folder.texts, words):
            covered[place : place + len(words)] = [1] * len(words)
    return bool(named) and bool(Residues(folder, covered).read().editions)


def is_own_name(case: Case, candidate: Candidate, *, plain: bool) -> bool:
    if not could_be_own_name(case.clue.name_key, candidate):
        return False
    name = base_name(case.clue.filename)
    suffix = name[len(stem(name)) :]
    # As names have it: the characters that they replace part some words elsewhere.
    words = work_of(safe_name(candidate.title), (), "", None).title
    if (words and words[0] not in case.words) or not has_format(candidate, suffix):
        return False  # the names below would be made in vain; most books end here
    names = own_names(
        book_id=candidate.book_id,
        title=candidate.title,
        authors=candidate.authors,
        series=candidate.series,
        series_index=finite(candidate.series_index),
        suffix=suffix,
    )
    return any(file_name_key(own) == case.clue.name_key for own in (names.plain if plain else names.marked))


def has_format(candidate: Candidate, suffix: str) -> bool:
    """Is there a file of this suffix to get from the library? EPUB and KEPUB pass for each other; no suffix for all."""
    bare = suffix.casefold().removeprefix(".").removeprefix("kepub.")
    formats = {format.removeprefix("kepub.") for format in candidate.formats}
    return not bare or not formats or bare in formats


def could_be_own_name(name_key: str, candidate: Candidate) -> bool:
    """Are all words of the title in the name? Cheaper than to make all names; only a long one may have lost some."""
    words, length = words_in_names(candidate.title)
    if length + sum(len(author.encode(errors="replace")) + 2 for author in candidate.authors) > UNCUT_BYTES:
        return True
    return all(word in name_key for word in words)


UNCUT_BYTES = 180  # of title and authors: with a volume, separators and a suffix still less than `NAME_BYTES`


@lru_cache(maxsize=8192)
def words_in_names(title: str) -> tuple[tuple[str, ...], int]:
    """The title's words as every name with this title has them, and how many bytes long the title is."""
    length = len(title.encode(errors="replace"))
    composed = unicodedata.normalize("NFC", title)
    if any(unicodedata.category(character).startswith("M") for character in composed):
        return (), length  # a mark may join the letter before it once that is folded
    return tuple(file_name_key(word) for word in _WORD.findall(composed)), length


_WORD = re.compile(r"[^\W_]+")


def narrowings(case: Case, fitting: list[Candidate]) -> Iterable[list[Candidate]]:
    """These books, then those of them in whose series' folder the file lies, then those whose author it states."""
    yield fitting
    if len(fitting) < 2:
        return
    if case.clue.folder:
        yield [each for each in fitting if is_in_folder_of_series(case, each)]
        words = reading_of(case.clue.folder).texts
        yield [each for each in fitting if is_folder_of(words, each)]
    yield [candidate for candidate in fitting if shares_author(case.clue, candidate)]


def is_in_folder_of_series(case: Case, candidate: Candidate) -> bool:
    """Does the file lie in the folder into which Tome puts this book's series?"""
    folder = case.clue.folder
    return bool(folder and candidate.series) and file_name_key(safe_name(candidate.series)) == file_name_key(folder)


def is_folder_of(words: Sequence[str], candidate: Candidate) -> bool:
    """Is the folder called like this book's series or like one of its authors?"""
    work = work_of_candidate(candidate)
    stated = tuple(words)
    named = any(stated == series or stated[1:] == series for series in work.series)
    return named or any(sorted(stated) == sorted(author) for author in work.authors)


def is_hidden_by_crowd(case: Case, candidate: Candidate, *, in_folder: bool) -> bool:
    """Could another book of the same name, or of the same name and folder, be among those that were not looked up?"""
    work = work_of_candidate(candidate)
    of_series = tuple(f"v:{' '.join(words)}#" for words in work.series if words not in work.pieces)
    found = keys_of(candidate) & set(case.lookups.deciding)
    apart = ("s:", "i:") if in_folder else ("s:", "i:", *of_series)
    shared = [key for key in found if not key.startswith(apart)]
    return not any(key not in case.crowded for key in shared)


def contradicts_plain_name(case: Case, candidate: Candidate) -> bool:
    """Does the document say that it is another, where the name is a title that anybody may have written?"""
    if not case.title_readings:
        return False
    work = work_of_candidate(candidate)
    fits = [Fitting(reading, candidate, work).best() for reading in case.title_readings]
    harmless = (*SAYS_LESS, *(SAYS_ELSE if shares_author(case.clue, candidate) else ()))
    return not any(fit.accepted or fit.against in harmless for fit in fits)


def contradicts_isbn(case: Case, candidate: Candidate) -> bool:
    """Does the name hold an ISBN that only other books have?"""
    stated = {isbn for reading in case.name_readings for isbn in reading.isbns}
    owners = [each for each in case.named if stated & set(each.isbns)] if stated else []
    return bool(owners) and candidate not in owners


def best_fits(case: Case) -> list[Fit]:
    """The books that fit, the ones that fit less well left out."""
    allowed = {candidate.book_id for candidate in case.marked or case.choice(case.named)}
    accepted = [fit for fit in case.fits if fit.accepted and fit.candidate.book_id in allowed]
    if len(accepted) < 2:
        return accepted
    top = max(fit.rank for fit in accepted)
    best = [fit for fit in accepted if fit.rank == top]
    for narrowed in narrowings(case, [fit.candidate for fit in best]):
        if len(narrowed) == 1:
            return [fit for fit in best if fit.candidate is narrowed[0]]
    return best


def undecided(case: Case) -> Verdict:
    """No book, and what a reader could choose from, the likeliest first."""
    offers: dict[int, Offer] = {}

    def offer(candidates: Iterable[Candidate], reason: str) -> None:
        for candidate in candidates:
            offers.setdefault(candidate.book_id, Offer(candidate, reason))

    offer(case.of_same_hash, "The contents look like a file of this book, but another book has one like it.")
    offer(case.of_similar_hash, "The contents look like a file of this book, but the size is another.")
    offer(of_file_name(case), "A file of this book has this name, but another book has one too.")
    offer((fit.candidate for fit in best_fits(case)), "The name fits, but that alone does not tell which book it is.")
    for fit in offerable(case):
        offer(
            [fit.candidate], OFFERED[fit.against] if not fit.accepted else "The name fits, but another book's better."
        )
    if not offers:
        return NOTHING
    found = tuple(offers.values())[:OFFERS_LIMIT]
    return Verdict(None, "none", 0.0, "Several books could be meant, or one only might be.", found)


OFFERED = {**REASONS, "document": "The file is named like this book, but the document says that it is another."}


def offerable(case: Case) -> list[Fit]:
    """Books that the name may mean although something speaks against them; volumes in their order."""
    offering = frozenset(case.lookups.offering)
    only_offered = [
        candidate
        for candidate in case.candidates
        if candidate not in case.named and not offering.isdisjoint(keys_of(candidate))
    ]
    fits = [*case.fits, *(replace(case.fit(candidate), accepted=False) for candidate in only_offered)]
    found = [fit for fit in fits if fit.accepted or OFFERED.get(fit.against)]
    return sorted(
        found,
        key=lambda fit: (
            not fit.accepted,
            ["document", *ORDER, ""].index(fit.against),
            finite(fit.candidate.series_index) or 0.0,
            fit.candidate.book_id,
        ),
    )
