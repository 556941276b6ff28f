"""How well does one book explain a name? Each word of the name must be its title, its series, its author, or noise."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from matching.evidence import Candidate
from matching.keys import START_LENGTH, start_key, title_lookup, volume_key
from matching.names import ARTICLES
from matching.readings import Reading, Residue, Residues, groups
from matching.vocabulary import (
    COMIC_FORMATS,
    CONNECTORS,
    GENRES,
    SERIES_WORDS,
    SUBTITLE_STARTS,
    TITLES_OF_PEOPLE,
    UNFINISHED,
    VOLUME_MARKERS,
)
from matching.words import Token
from matching.works import Words, Work, author_words, is_short

TITLE, SERIES, AUTHOR, OTHER = 1, 2, 3, 4  # by what a word is explained

FULL, PARTIAL = 2, 1  # how much of an author a name states: a whole name, or a surname


@dataclass(frozen=True, slots=True)
class Fit:
    """What a name says of one book. `accepted` where it can be no other; else what speaks against it."""

    candidate: Candidate
    accepted: bool
    method: str = ""
    against: str = ""  # one of REASONS
    key: str = ""  # under which a rival would be stored as well
    author: int = 0
    states_volume: bool = False
    year_agrees: bool = False
    explained: int = 0  # words of the name that are title or series

    @property
    def rank(self) -> tuple[int, ...]:
        """Of two books that fit, the one that ranks higher is meant."""
        return (
            METHODS[self.method] if self.method else 0,
            self.author == FULL,
            self.year_agrees,
        )


METHODS = {"title": 3, "series_volume": 3, "title_start": 1, "subtitle": 2, "main_title": 1}

# What speaks against a book, with the sentence for the reader where the book is offered all the same.
REASONS = {
    "volume": "",
    "words": "",
    "part": "",
    "absent": "",
    "no_volume": "The name is that of the series, but does not say which volume it is.",
    "edition": "The title is the same, but the file's name speaks of another edition.",
    "omnibus": "The file's name speaks of a collection, of which this book may be a part.",
    "chapter": "The file's name speaks of a chapter, which may be from this book.",
    "run": "The name fits, but speaks of another year than this series' first.",
    "issue": "The number fits, but may be that of a chapter or of a single issue.",
    "form": "The name fits, but speaks of another form of the work.",
    "more_words": "The title is in the file's name, but so are words that nothing explains.",
    "start": "The file's name is the beginning of this title.",
    "main": "The file's name is the main part of this title.",
    "author": "The title is the same, but the authors are others.",
}
ORDER = tuple(REASONS)


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


class Fitting:
    """One name against one book."""

    def __init__(
        self,
        reading: Reading,
        candidate: Candidate,
        work: Work,
        *,
        volumes: Sequence[float] = (),
        people: Sequence[Words] = (),
        titles: frozenset[Words] = frozenset(),
    ) -> None:
        self.reading, self.candidate, self.work = reading, candidate, work
        self.volumes = volumes  # stated elsewhere: in the folder or by the document
        self.people = people  # the document's own authors, where they are this book's or the book has none
        self.titles = titles  # of other books that could be meant
        self.texts = reading.texts

    def best(self) -> Fit:
        """The best that can be said; never raises, never guesses."""
        rejected: list[Fit] = []
        for cover in self.covers():
            fit = self.judged(cover)
            if fit.accepted:
                return fit
            rejected.append(fit)
        if not rejected:
            return Fit(self.candidate, False, against="absent")
        return max(rejected, key=lambda fit: ORDER.index(fit.against))

    # Which words are this book's

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

    # Authors

    def cover_authors(self, covered: list[int]) -> None:
        for names in (*self.work.authors, *self.people):
            self.cover_author(names, covered)
        tokens = self.reading.tokens
        for place, token in enumerate(tokens):
            if covered[place]:
                continue
            beside = (place and covered[place - 1] == AUTHOR) or (
                place + 1 < len(tokens) and covered[place + 1] == AUTHOR
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

    # What the rest says

    def judged(self, cover: Cover) -> Fit:
        residue = Residues(self.reading, cover.covered).read()
        author = self.author_level(cover)
        self.excuse(cover, residue, author)
        fit = Fit(
            self.candidate,
            False,
            author=author,
            explained=sum(mark in (TITLE, SERIES) for mark in cover.covered),
        )
        return self.decided(cover, residue, fit)

    def decided(self, cover: Cover, residue: Residue, fit: Fit) -> Fit:
        work = self.work
        stated = self.stated_volumes(residue)
        numbers = [number for number, _place in residue.bare]
        if work.volume is None:
            if cover.role == "bare" and work.bare_number and stated == {work.bare_number[1]}:
                stated = set()
            if stated or numbers:
                return replace(fit, against="volume")
        elif any(number != work.volume for number in (*stated, *numbers)):
            return replace(fit, against="volume")
        states_volume = bool(stated or numbers)
        if residue.part or (residue.leftover and not self.is_subtitle(cover, residue, fit)):
            return replace(fit, against=self.leftover_reason(cover, residue))
        if residue.chapter or residue.editions:
            by_title = cover.role in ("title", "pieces")
            named = work.volume == 1 and cover.role == "title"
            sure = states_volume or (by_title and (work.volume is None or named or not work.is_series_title))
            flag = "chapter" if residue.chapter else "edition"
            return replace(fit, against=flag if sure else "words")
        if residue.omnibuses:
            return replace(fit, against="omnibus")
        if residue.ranges:
            within = work.volume is not None and any(low <= work.volume <= high for low, high in residue.ranges)
            return replace(fit, against="omnibus" if within else "volume")
        if residue.form == "manga" and self.reading.suffix not in ("", *COMIC_FORMATS):
            return replace(fit, against="form")
        if residue.form == "light novel" and self.reading.suffix in COMIC_FORMATS:
            return replace(fit, against="form")
        if not self.run_fits(residue):
            return replace(fit, against="run")
        fit = replace(
            fit,
            states_volume=states_volume,
            year_agrees=self.year_agrees(residue),
            key=self.key_of(cover, states_volume=states_volume),
        )
        return self.by_role(cover, residue, fit)

    def by_role(self, cover: Cover, residue: Residue, fit: Fit) -> Fit:
        work = self.work
        if residue.copies and not self.are_copies(cover, residue, fit):
            return replace(fit, against="no_volume")
        if self.could_be_issue(residue):
            return replace(fit, against="issue")
        if fit.states_volume and work.volume is not None:
            method = "series_volume" if cover.role in ("series", "main", "bare") else "title"
            # A part of a title with its volume is enough, but a cut title with it is not more than a cut title.
            return self.by_start(cover, fit) if cover.role == "start" else replace(fit, accepted=True, method=method)
        if cover.role == "title":
            if not work.in_series or not work.is_series_title or work.volume == 1 or work.states_volume:
                return replace(fit, accepted=True, method="subtitle" if residue.leftover else "title")
            return replace(fit, against="no_volume")
        if cover.role == "pieces":
            if work.states_volume and (len(work.pieces) < 2 or work.is_series_title):
                return replace(fit, against="no_volume")
            return replace(fit, accepted=True, method="subtitle" if residue.leftover else "title")
        if cover.role == "proper":
            if sum(map(len, work.pieces[1:])) < 2 and not fit.author:
                return replace(fit, against="main")
            return replace(fit, accepted=True, method="title" if not residue.leftover else "subtitle")
        if cover.role == "main":
            return self.by_main(cover, residue, fit)
        if cover.role == "bare":
            stated = work.bare_number and self.stated_volumes(residue) == {work.bare_number[1]}
            return replace(fit, accepted=True, method="title") if stated else replace(fit, against="no_volume")
        if cover.role == "start":
            return self.by_start(cover, fit)
        return replace(fit, against="no_volume")

    def by_main(self, cover: Cover, residue: Residue, fit: Fit) -> Fit:
        """The main title alone: enough where the subtitle only describes it, or the author is named."""
        subtitle = self.work.pieces[1]
        first = self.work.title[len(self.work.pieces[0]) :][:1]
        describes = first in (("a",), ("an",), ("or",), ("oder",), ("ou",), ("ein",), ("eine",), ("un",), ("une",))
        if residue.leftover or self.work.states_volume or is_short(self.work.pieces[0]):
            return replace(fit, against="main")
        if describes or (fit.author == FULL and len(subtitle) > 2 and not self.work.in_series):
            return replace(fit, accepted=True, method="main_title")
        return replace(fit, against="main")

    def by_start(self, cover: Cover, fit: Fit) -> Fit:
        """A cut title: surely cut, or ending where no title ends, or so much of it that little can follow."""
        title, length = self.work.title, cover.last - cover.first
        rest = title[length:] or ("",)
        ends_there = length in self.work.breaks or rest[0] in VOLUME_MARKERS or rest[0] == "and"
        if (ends_there or rest[0].replace(".", "").isdigit()) and not self.reading.is_cut:
            return replace(fit, against="start")
        stated = len(" ".join(title[:length]))
        whole = len(" ".join(title))
        if self.reading.is_cut or self.texts[cover.last - 1] in UNFINISHED or stated >= 0.6 * whole:
            return replace(fit, accepted=True, method="title_start")
        return replace(fit, against="start")

    # Numbers and years

    def stated_volumes(self, residue: Residue) -> set[float]:
        return {volume for volume, _place in residue.explicit} | set(self.volumes)

    def are_copies(self, cover: Cover, residue: Residue, fit: Fit) -> bool:
        """Is a "(2)" at the end what a file manager adds? Not where it could be the volume."""
        if fit.states_volume or not self.work.is_series_title or self.work.volume is None:
            return cover.role != "series"
        return residue.copies == [self.work.volume] == [1]

    def could_be_issue(self, residue: Residue) -> bool:
        """`Saga 001.cbz` is an issue, or a chapter, and no collected volume."""
        if self.reading.suffix not in COMIC_FORMATS or not self.work.with_marker or residue.explicit:
            return False
        padded = [
            self.reading.tokens[place]
            for _number, place in residue.bare
            if len(self.reading.tokens[place].raw) >= 3 and self.reading.tokens[place].raw.startswith("0")
        ]
        return bool(padded)

    def run_fits(self, residue: Residue) -> bool:
        run, years = self.work.run_year, [year for year, _place in residue.years]
        if run is None or not years:
            return True
        return run in years or self.candidate.year in years

    def year_agrees(self, residue: Residue) -> bool:
        years = [year for year, _place in residue.years]
        return self.work.run_year in years or self.candidate.year in years

    # Words that are left over

    def excuse(self, cover: Cover, residue: Residue, author: int) -> None:
        """Takes from the residue what its place explains: a year, a scan group, a publisher, a series, a person."""
        self.excuse_years(cover, residue, author)
        for bracket, places in list(groups(residue.leftover, self.reading)):
            if bracket and self.is_noise_bracket(bracket, places, residue):
                self.forgive(places, residue)
        self.excuse_series_tags(cover, residue)
        self.excuse_genre(cover, residue)
        self.excuse_words_of_edition(residue)
        if author == FULL:
            self.excuse_coauthors(cover, residue)
            self.excuse_publisher(cover, residue)
        if not self.work.authors and not self.people:
            self.excuse_unknown_author(cover, residue)
        residue.leftover = [place for place in residue.leftover if not self.is_word_of_series(place, cover, residue)]
        residue.omnibuses = [place for place in residue.omnibuses if not self.is_word_of_series(place, cover, residue)]

    def is_word_of_series(self, place: int, cover: Cover, residue: Residue) -> bool:
        """`Mistborn Series 1`, `Tintenwelt-Trilogie, Bd. 2`: it belongs to the series' name, where a volume follows."""
        tokens = self.reading.tokens
        if self.texts[place] not in SERIES_WORDS or not (residue.explicit or residue.bare):
            return False
        return any(
            mark == SERIES and tokens[at].bracket == tokens[place].bracket for at, mark in enumerate(cover.covered)
        )

    def excuse_words_of_edition(self, residue: Residue) -> None:
        """What stands in one bracket with it, and articles: they say no more than that it is another edition."""
        tokens = self.reading.tokens
        brackets = {tokens[place].bracket for place in residue.editions} - {0}
        articles = [place for place in residue.leftover if self.texts[place] in ARTICLES and residue.editions]
        inside = [place for place in residue.leftover if tokens[place].bracket in brackets]
        self.forgive([*articles, *inside], residue)

    def excuse_genre(self, cover: Cover, residue: Residue) -> None:
        """A part of the name that says what the work is: `A LitRPG Adventure`, `An Expanse Novella`."""
        tokens = self.reading.tokens
        for place in list(residue.leftover):
            if self.texts[place] not in GENRES:
                continue
            inside = [at for at, token in enumerate(tokens) if token.part == tokens[place].part]
            article = self.texts[inside[0]] in ("a", "an", "ein", "eine", "un", "une", "una")
            others = [at for at in inside if at in residue.leftover]
            if (
                article
                and inside[-1] == place
                and len(inside) <= 5
                and TITLE not in {cover.covered[at] for at in inside}
            ):
                self.forgive(others, residue)

    def forgive(self, places: Sequence[int], residue: Residue) -> None:
        forgiven = set(places)
        residue.leftover = [place for place in residue.leftover if place not in forgiven]
        residue.noise |= forgiven

    def excuse_years(self, cover: Cover, residue: Residue, author: int) -> None:
        """A year without brackets: the book's own, or one before noise, as in `Dune.1965.Retail`."""
        kept: list[tuple[float, int]] = []
        for number, place in residue.bare:
            is_year = 1800 <= number < 2036 and len(self.reading.tokens[place].raw) == 4
            own = self.candidate.year == number or (self.work.run_year == number)
            before_noise = place + 1 in residue.noise
            if (
                is_year
                and number != self.work.volume
                and (own or before_noise)
                and (self.texts[place],) not in self.titles
            ):
                residue.years.append((int(number), place))
                residue.noise.add(place)
            else:
                kept.append((number, place))
        residue.bare = kept

    def is_noise_bracket(self, bracket: int, places: Sequence[int], residue: Residue) -> bool:
        """A group's or a publisher's name: in square brackets, or in round ones behind a year or another such."""
        tokens = self.reading.tokens
        inside = [place for place, token in enumerate(tokens) if token.bracket == bracket]
        if any(number_place in inside for _number, number_place in (*residue.explicit, *residue.bare)):
            return False
        kind = tokens[places[0]].kind
        if kind in "[{":
            return True
        if any(place in inside for _year, place in residue.years):
            return True
        before = [place for place, token in enumerate(tokens) if token.bracket == bracket - 1 and bracket > 1]
        single = all(" " not in tokens[place].gap for place in inside[1:])
        known = {place for _year, place in residue.years} | residue.noise
        return single and bool(before) and all(place in known for place in before)

    def excuse_series_tags(self, cover: Cover, residue: Residue) -> None:
        """`(A Hollows Novel 3)`, and of a book in no series on record the name of one: `(The Expanse Book 1)`."""
        tokens = self.reading.tokens
        numbered = [*residue.explicit, *residue.bare]
        for bracket, places in list(groups(residue.leftover, self.reading)):
            inside = [(number, place) for number, place in numbered if tokens[place].bracket == bracket]
            if not bracket or not inside:
                continue
            if self.work.in_series:
                has_series = any(
                    mark in (SERIES, TITLE) and tokens[at].bracket == bracket for at, mark in enumerate(cover.covered)
                )
                if has_series and all(number == self.work.volume for number, _place in inside):
                    self.forgive(places, residue)
            elif self.work.volume is None and cover.role in ("title", "pieces") and not residue.editions:
                gone = {place for _number, place in inside}
                residue.explicit = [pair for pair in residue.explicit if pair[1] not in gone]
                residue.bare = [pair for pair in residue.bare if pair[1] not in gone]
                self.forgive(places, residue)

    def excuse_coauthors(self, cover: Cover, residue: Residue) -> None:
        """Others who are named in one breath with an author of this book."""
        tokens = self.reading.tokens
        for place in list(residue.leftover):
            beside = [at for at, token in enumerate(tokens) if token.segment == tokens[place].segment]
            marks = {cover.covered[at] for at in beside}
            listed = any(self.texts[at] in CONNECTORS or set(";,&") & set(tokens[at].gap) for at in beside)
            if listed and AUTHOR in marks and not marks & {TITLE, SERIES} and not tokens[place].bracket:
                self.forgive([place], residue)

    def excuse_publisher(self, cover: Cover, residue: Residue) -> None:
        """`Author - Title-Publisher (2011)`."""
        if not residue.leftover or cover.role not in ("title", "pieces"):
            return
        tokens, first = self.reading.tokens, residue.leftover[0]
        in_a_row = residue.leftover == list(range(first, first + len(residue.leftover)))
        if in_a_row and first == cover.last and tokens[first].gap == "-" and residue.years:
            self.forgive(list(residue.leftover), residue)

    def excuse_unknown_author(self, cover: Cover, residue: Residue) -> None:
        """Of a book whose author is not on record: a person's name before the whole title, or inverted behind it."""
        if cover.role not in ("title", "pieces", "series") or self.work.is_short or not residue.leftover:
            return
        tokens, left = self.reading.tokens, residue.leftover
        segments = {tokens[place].segment for place in left}
        if len(segments) != 1 or any(tokens[place].bracket for place in left) or not 2 <= len(left) <= 4:
            return
        inside = [place for place, token in enumerate(tokens) if token.segment in segments and not token.bracket]
        if inside != left or not all(tokens[place].raw[:1].isupper() for place in left):
            return
        in_front = left[0] == 0 and cover.first == left[-1] + 1
        inverted = "," in tokens[left[1]].gap
        from_store = bool({"z", "zlibrary", "zlib", "libgen", "anna", "annas"} & set(self.texts))
        if in_front or inverted or from_store:
            self.forgive(list(left), residue)

    def is_subtitle(self, cover: Cover, residue: Residue, fit: Fit) -> bool:
        """Words behind a whole title that can only be its subtitle, since nothing else of that name is known."""
        work, left, tokens = self.work, residue.leftover, self.reading.tokens
        if cover.role not in ("title", "pieces") or work.in_series or work.series or work.is_short:
            return False
        if any(tokens[place].bracket for place in left) or residue.noise & set(range(cover.last, left[-1])):
            return False
        start = cover.last
        while start < len(tokens) and cover.covered[start] == OTHER:
            start += 1
        if left[0] not in (cover.last, start):
            return False
        behind = [place for place in range(cover.last, left[-1] + 1) if not cover.covered[place]]
        if behind != left:
            return False
        first = self.texts[cover.last]
        if first in ("or", "oder", "ou"):
            return True
        if first not in SUBTITLE_STARTS:
            return False
        if fit.author == FULL:
            return len(left) >= 3
        return len(work.title) >= 2 and len(left) >= 6

    def leftover_reason(self, cover: Cover, residue: Residue) -> str:
        if residue.part or cover.role not in ("title", "pieces"):
            return "words"
        return "more_words" if 1 < len(self.work.title) >= len(residue.leftover) else "words"

    def key_of(self, cover: Cover, *, states_volume: bool) -> str:
        """The key that another book that explains the name as this one does would have too."""
        work = self.work
        if cover.role == "series" and work.volume is not None:
            return volume_key(work.series[0], work.volume)
        if states_volume and work.volume is not None and cover.role in ("title", "pieces", "main") and work.pieces:
            return volume_key(work.pieces[0], work.volume)
        if cover.role == "start":
            return start_key(" ".join(work.title))
        if cover.role in ("main", "bare", "proper") and work.pieces:
            return title_lookup(work.pieces[1] if cover.role == "proper" else work.pieces[0])
        return title_lookup(work.title)


def names_of_people(authors: Sequence[str]) -> tuple[Words, ...]:
    return tuple(filter(None, (author_words(author) for author in authors)))
