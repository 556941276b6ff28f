"""Which words of a name are a book's: its title or a part of it, its series, its authors."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matching.keys import START_LENGTH
from matching.names import ARTICLES
from matching.readings import Reading
from matching.vocabulary import CONNECTORS, TITLES_OF_PEOPLE
from matching.words import Token
from matching.works import Words, Work, author_words, is_short

TITLE, SERIES, AUTHOR, OTHER = 1, 2, 3, 4  # by what a word is explained

FULL, PARTIAL = 2, 1  # how much of an author a name states: a whole name, or a surname


@dataclass(frozen=True, slots=True)
class Cover:
    """Which words of a name one book explains, in one way of reading it."""

    role: str
    covered: tuple[int, ...]
    first: int  # the first word of the title or series
    last: int  # the place behind its last word


def find(texts: Sequence[str], words: Words, covered: Sequence[int] = ()) -> list[int]:
    """The places at which these words stand, none of them covered."""
    if not words:
        return []
    length = len(words)
    return [
        place
        for place in range(len(texts) - length + 1)
        if texts[place] == words[0]
        and tuple(texts[place : place + length]) == words
        and not any(covered[place : place + length])
    ]


class Covering:
    """The ways in which one name can be read as one book's."""

    def __init__(self, reading: Reading, work: Work, people: Sequence[Words] = ()) -> None:
        self.reading, self.work = reading, work
        self.people = people  # others than the book's authors who are known to be named
        self.texts = reading.texts

    def covers(self) -> Iterator[Cover]:
        work = self.work
        if work.pieces or not work.in_series:
            if cover := self.cover("title", [work.title]):
                yield cover
            if work.pieces and work.pieces != (work.title,) and (cover := self.cover("pieces", work.pieces)):
                yield cover
        if work.in_series:
            for series in work.series:
                if cover := self.cover("series", [series]):
                    yield cover
                    break
        if len(work.pieces) > 1:
            if work.pieces[0] in work.series and (cover := self.cover("proper", work.pieces[1:])):
                yield cover
            if work.pieces[0] not in work.series and (cover := self.cover("main", work.pieces[:1])):
                yield cover
        if work.bare_number and work.volume is None and (cover := self.cover("bare", [work.bare_number[0]])):
            yield cover
        if len(" ".join(work.title)) > START_LENGTH and (length := self.start_length()):
            yield length

    def cover(self, role: str, pieces: Sequence[Words]) -> Cover | None:
        covered = [0] * len(self.texts)
        first, last = len(self.texts), 0
        for piece in pieces:
            places = find(self.texts, piece, covered)
            if not places:
                return None
            for place in places if not is_short(piece) else places[:1]:
                if any(covered[place : place + len(piece)]):
                    continue
                covered[place : place + len(piece)] = [TITLE] * len(piece)
                first, last = min(first, place), max(last, place + len(piece))
        return self.completed(role, covered, first, last)

    def completed(self, role: str, covered: list[int], first: int, last: int) -> Cover:
        """With the series, what else of the title stands there, the authors, and articles beside any of them."""
        for words in (*self.work.series, *self.work.pieces):
            for place in find(self.texts, words, covered):
                mark = SERIES if words in self.work.series else TITLE
                covered[place : place + len(words)] = [mark] * len(words)
        self.cover_authors(covered)
        self.cover_articles(covered)
        return Cover(role, tuple(covered), first, last)

    def cover_articles(self, covered: list[int]) -> None:
        tokens = self.reading.tokens
        for place in reversed(range(len(tokens))):
            token = tokens[place]
            if covered[place] or token.text not in ARTICLES or token.raw == "I":
                continue
            after = covered[place + 1] if place + 1 < len(tokens) else 0
            before = covered[place - 1] if place else 0
            if after in (TITLE, SERIES, OTHER) or (before in (TITLE, SERIES) and "," in token.gap):
                covered[place] = OTHER

    def start_length(self) -> Cover | None:
        """Is the name, from some part on, the beginning of the title, cut at the end of a word or within one?"""
        tokens, title = self.reading.tokens, self.work.title
        for start, token in enumerate(tokens):
            if start and token.part == tokens[start - 1].part:
                continue
            while start + 1 < len(tokens) and self.texts[start] in ARTICLES and self.texts[start] != title[0]:
                start += 1
            length = 0
            while start + length < len(tokens) and length < len(title) and self.texts[start + length] == title[length]:
                length += 1
            end = start + length
            if length == len(title) or not length:
                continue
            if end < len(tokens):
                part_of_word = end + 1 == len(tokens) and title[length].startswith(self.texts[end])
                if not (part_of_word and self.reading.is_cut):
                    continue
                end += 1
            if len(" ".join(self.texts[start:end])) < START_LENGTH:
                continue
            covered = [0] * len(tokens)
            covered[start:end] = [TITLE] * (end - start)
            self.cover_authors(covered)
            self.cover_articles(covered)
            return Cover("start", tuple(covered), start, end)
        return None

    def cover_authors(self, covered: list[int]) -> None:
        for names in (*self.work.authors, *self.people):
            self.cover_author(names, covered)
        tokens = self.reading.tokens
        for place, token in enumerate(tokens):
            if covered[place]:
                continue
            beside = any(
                0 <= at < len(tokens) and covered[at] == AUTHOR and tokens[at].segment == token.segment
                for at in (place - 1, place + 1)
            )
            if beside and (token.text in CONNECTORS or token.text in TITLES_OF_PEOPLE):
                covered[place] = OTHER

    def cover_author(self, names: Words, covered: list[int]) -> None:
        place, tokens = 0, self.reading.tokens
        known = {name for name in names if name not in CONNECTORS}
        whole = "".join(names)
        while place < len(tokens):
            end = place
            while end < len(tokens) and not covered[end] and self.is_name(tokens[end], known, whole):
                if end > place and tokens[end].segment != tokens[place].segment:
                    break
                end += 1
                if self.is_middle_name(end, place, names, covered):
                    end += 1
            end = self.with_more_initials(place, end, covered)
            run = self.texts[place:end]
            if run and self.names_enough(run, names, whole):
                covered[place:end] = [AUTHOR] * (end - place)
            place = max(end, place + 1)

    def with_more_initials(self, start: int, end: int, covered: Sequence[int]) -> int:
        """`Толстой Л. Н.`: of several initials only the first need be on record."""
        tokens = self.reading.tokens
        while (
            start < end - 1
            and end < len(tokens)
            and len(tokens[end - 1].text) == len(tokens[end].text) == 1
            and tokens[end].raw.isalpha()
            and tokens[end].raw.isupper()
            and tokens[end].segment == tokens[start].segment
            and not covered[end]
        ):
            end += 1
        return end

    def is_middle_name(self, place: int, start: int, names: Words, covered: Sequence[int]) -> bool:
        """An unknown word between the first and the last name: Mary *Wollstonecraft* Shelley."""
        tokens = self.reading.tokens
        if len(names) < 2 or place != start + 1 or place + 1 >= len(tokens):
            return False
        return (
            (self.texts[start], self.texts[place + 1]) == (names[0], names[-1])
            and not covered[place]
            and not covered[place + 1]
            and tokens[place].raw[:1].isupper()
            and tokens[place].segment == tokens[start].segment == tokens[place + 1].segment
        )

    @staticmethod
    def is_name(token: Token, known: set[str], whole: str) -> bool:
        text = token.text
        if text in known or text == whole:
            return True
        if not text.isalpha() or token.value is not None:
            return False
        if any(len(name) == 1 and name == text[0] for name in known) and token.raw[0].isupper():
            return True  # John for J.
        initials = {name[0] for name in known}
        return len(text) <= 3 and set(text) <= initials and (len(text) == 1 or token.raw.isupper())

    @staticmethod
    def names_enough(run: Sequence[str], names: Words, whole: str) -> bool:
        """A whole name, or a surname; a first name or initials alone could be anybody's."""
        if whole in run:
            return True
        full = [text for text in run if text in names and len(text) > 1]
        if len(names) == 1 or len(run) > 1:
            return bool(full)
        return len(full) == 1 and len(full[0]) > 2 and full[0] in (names[-1], names[0])

    def author_level(self, cover: Cover) -> int:
        texts = {self.texts[place] for place, mark in enumerate(cover.covered) if mark == AUTHOR}
        level = 0
        for names in self.work.authors:
            stated = [text for text in names if text in texts]
            if "".join(names) in texts or len(stated) == len(names) or (stated and len(texts) > 1):
                return FULL
            level = PARTIAL if stated else level
        return level


def names_of_people(authors: Sequence[str]) -> tuple[Words, ...]:
    return tuple(filter(None, (author_words(author) for author in authors)))
