"""Words of a name that say nothing against a book, although they are neither its title, its series nor its author."""

from collections.abc import Sequence

from matching.covering import AUTHOR, FULL, SERIES, TITLE, Cover
from matching.names import ARTICLES
from matching.readings import Reading, Residue, groups
from matching.vocabulary import CONNECTORS, GENRES, GIVEN_NAMES, SERIES_WORDS
from matching.works import Words, Work

STORES = frozenset(("zlibrary", "zlib", "libgen", "anna", "annas"))


class Excuses:
    """Takes out of a residue what its place in the name explains."""

    def __init__(
        self,
        reading: Reading,
        work: Work,
        cover: Cover,
        residue: Residue,
        *,
        author: int,
        year: int | None,
        people: Sequence[Words],
        titles: frozenset[Words],
    ) -> None:
        self.reading, self.work, self.cover, self.residue = reading, work, cover, residue
        self.author = author  # how much of one the name states
        self.year = year  # of publication
        self.people, self.titles = people, titles
        self.texts = reading.texts

    def excuse(self) -> None:
        """Everything that can be explained: years, scan groups, publishers, other names of the series, people."""
        self.excuse_years()
        for bracket, places in list(groups(self.residue.leftover, self.reading)):
            if bracket and self.is_noise_bracket(bracket, places):
                self.forgive(places)
        self.excuse_series_tags()
        self.excuse_genre()
        self.excuse_words_of_edition()
        if self.author == FULL:
            self.excuse_coauthors()
            self.excuse_publisher()
            self.excuse_series_segment()
        if not self.work.authors and not self.people:
            self.excuse_unknown_author()
        self.residue.leftover = [place for place in self.residue.leftover if not self.is_word_of_series(place)]
        self.residue.omnibuses = [place for place in self.residue.omnibuses if not self.is_word_of_series(place)]

    def is_word_of_series(self, place: int) -> bool:
        """`Mistborn Series 1`, `Tintenwelt-Trilogie, Bd. 2`: it belongs to the series' name, where a volume follows."""
        tokens = self.reading.tokens
        if self.texts[place] not in SERIES_WORDS or not (self.residue.explicit or self.residue.bare):
            return False
        return any(
            mark == SERIES and tokens[at].bracket == tokens[place].bracket for at, mark in enumerate(self.cover.covered)
        )

    def excuse_words_of_edition(self) -> None:
        """What stands in one bracket with it, and articles: they say no more than that it is another edition."""
        tokens = self.reading.tokens
        brackets = {tokens[place].bracket for place in self.residue.editions} - {0}
        articles = [place for place in self.residue.leftover if self.texts[place] in ARTICLES and self.residue.editions]
        inside = [place for place in self.residue.leftover if tokens[place].bracket in brackets]
        self.forgive([*articles, *inside])

    def excuse_genre(self) -> None:
        """A part of the name that says what the work is: `A LitRPG Adventure`, `An Expanse Novella`."""
        tokens = self.reading.tokens
        for place in list(self.residue.leftover):
            if self.texts[place] not in GENRES:
                continue
            inside = [at for at, token in enumerate(tokens) if token.part == tokens[place].part]
            article = self.texts[inside[0]] in ("a", "an", "ein", "eine", "un", "une", "una")
            others = [at for at in inside if at in self.residue.leftover]
            if (
                article
                and inside[-1] == place
                and len(inside) <= 5
                and TITLE not in {self.cover.covered[at] for at in inside}
            ):
                self.forgive(others)

    def forgive(self, places: Sequence[int]) -> None:
        forgiven = set(places)
        self.residue.leftover = [place for place in self.residue.leftover if place not in forgiven]
        self.residue.noise |= forgiven

    def excuse_years(self) -> None:
        """A year without brackets: the book's own, or one before noise, as in `Dune.1965.Retail`."""
        kept: list[tuple[float, int]] = []
        for number, place in self.residue.bare:
            is_year = 1800 <= number < 2036 and len(self.reading.tokens[place].raw) == 4
            own = self.year == number or (self.work.run_year == number)
            before_noise = place + 1 in self.residue.noise or (self.author == FULL and self.is_last_segment(place))
            if (
                is_year
                and number != self.work.volume
                and (own or before_noise)
                and (self.texts[place],) not in self.titles
            ):
                self.residue.years.append((int(number), place))
                self.residue.noise.add(place)
            else:
                kept.append((number, place))
        self.residue.bare = kept

    def is_last_segment(self, place: int) -> bool:
        """Is this word, behind a dash, the last of the name?"""
        tokens = self.reading.tokens
        return place + 1 == len(tokens) and place > 0 and tokens[place].segment != tokens[place - 1].segment

    def is_noise_bracket(self, bracket: int, places: Sequence[int]) -> bool:
        """A group's or a publisher's name: in square brackets, or in round ones behind a year or another such."""
        tokens = self.reading.tokens
        inside = [place for place, token in enumerate(tokens) if token.bracket == bracket]
        if any(number_place in inside for _number, number_place in (*self.residue.explicit, *self.residue.bare)):
            return False
        if self.work.authors and (self.is_stranger(places) or any(self.cover.covered[at] == AUTHOR for at in inside)):
            return False
        kind = tokens[places[0]].kind
        if kind in "[{":
            return True
        if any(place in inside for _year, place in self.residue.years):
            return True
        before = [place for place, token in enumerate(tokens) if token.bracket == bracket - 1 and bracket > 1]
        single = all(" " not in tokens[place].gap for place in inside[1:])
        if before and all(place in self.residue.noise for place in before) and self.residue.years:
            return True  # (2018) (Digital) (The Last Kryptonian-DCP)
        known = {place for _year, place in self.residue.years} | self.residue.noise
        return single and bool(before) and all(place in known for place in before)

    def excuse_series_tags(self) -> None:
        """`(A Hollows Novel 3)`, and of a book in no series on record the name of one: `(The Expanse Book 1)`."""
        tokens = self.reading.tokens
        numbered = [*self.residue.explicit, *self.residue.bare]
        if self.work.volume is None and self.cover.role == "title":
            # "Catch-22 (Catch-22, #1)": the first of what is called like it.
            self.residue.explicit = [
                (number, place)
                for number, place in self.residue.explicit
                if number != 1 or not tokens[place].bracket or self.cover.covered[place - 1] != TITLE
            ]
        for bracket, places in list(groups(self.residue.leftover, self.reading)):
            inside = [(number, place) for number, place in numbered if tokens[place].bracket == bracket]
            if not bracket or not inside:
                continue
            if self.work.in_series:
                has_series = any(
                    mark in (SERIES, TITLE) and tokens[at].bracket == bracket
                    for at, mark in enumerate(self.cover.covered)
                )
                if has_series and all(number == self.work.volume for number, _place in inside):
                    self.forgive(places)
            elif self.work.volume is None and self.cover.role in ("title", "pieces") and not self.residue.editions:
                gone = {place for _number, place in inside}
                self.residue.explicit = [pair for pair in self.residue.explicit if pair[1] not in gone]
                self.residue.bare = [pair for pair in self.residue.bare if pair[1] not in gone]
                self.forgive(places)

    def excuse_coauthors(self) -> None:
        """Others who are named in one breath with an author of this book."""
        tokens = self.reading.tokens
        for place in list(self.residue.leftover):
            beside = [at for at, token in enumerate(tokens) if token.segment == tokens[place].segment]
            marks = {self.cover.covered[at] for at in beside}
            listed = any(self.texts[at] in CONNECTORS or set(";,&") & set(tokens[at].gap) for at in beside)
            if listed and AUTHOR in marks and not marks & {TITLE, SERIES} and not tokens[place].bracket:
                self.forgive([place])

    def excuse_series_segment(self) -> None:
        """`Author - Some Series 03 - Title`: a series of another name, or none on record; its number agrees."""
        tokens, left = self.reading.tokens, self.residue.leftover
        numbered = [*self.residue.explicit, *self.residue.bare]
        if self.cover.role != "title" or not left or len(numbered) != 1 or self.work.is_series_title:
            return
        [(number, place)] = numbered
        segment = tokens[place].segment
        if {tokens[at].segment for at in left} != {segment} or max(left) > place or tokens[place].bracket:
            return
        marks = {mark for at, mark in enumerate(self.cover.covered) if tokens[at].segment == segment and at > place}
        if marks or number != (self.work.volume if self.work.volume is not None else number):
            return
        if self.work.volume is None:
            self.residue.explicit, self.residue.bare = [], []
        self.forgive(list(left))

    def excuse_publisher(self) -> None:
        """`Author - Title-Publisher (2011)`."""
        if not self.residue.leftover or self.cover.role not in ("title", "pieces"):
            return
        tokens, first = self.reading.tokens, self.residue.leftover[0]
        in_a_row = self.residue.leftover == list(range(first, first + len(self.residue.leftover)))
        if in_a_row and first == self.cover.last and tokens[first].gap == "-" and self.residue.years:
            self.forgive(list(self.residue.leftover))

    def excuse_unknown_author(self) -> None:
        """Of a book whose author is not on record: a person, parted from the title by a dash, a bracket or "by"."""
        if self.cover.role not in ("title", "pieces", "series", "main", "proper") or self.work.is_short:
            return
        tokens, left = self.reading.tokens, self.residue.leftover
        stated = bool(left) and self.texts[left[0]] == "by"
        person = left[1:] if stated else left
        if not 2 <= len(person) <= 4 or person != list(range(person[0], person[-1] + 1)):
            return
        first, last = person[0], person[-1]
        if len({(tokens[place].segment, tokens[place].bracket) for place in person}) != 1:
            return
        if not all(tokens[place].raw[:1].isupper() for place in person):
            return
        if (stated or self.is_apart(first, first - 1)) and self.is_apart(last, last + 1) and self.is_person(person):
            self.forgive(list(left))

    def is_apart(self, place: int, neighbour: int) -> bool:
        """Do a dash, a bracket or the end of the name part these two words?"""
        tokens = self.reading.tokens
        if not 0 <= neighbour < len(tokens):
            return True
        return (tokens[place].segment, tokens[place].bracket) != (tokens[neighbour].segment, tokens[neighbour].bracket)

    def is_stranger(self, places: Sequence[int]) -> bool:
        """A person, and none of this book's authors: `[Brian Herbert] Dune`."""
        named = any(self.texts[place] in GIVEN_NAMES for place in places[:-1])
        return named and 2 <= len(places) <= 4 and all(self.reading.tokens[at].raw[:1].isupper() for at in places)

    def is_person(self, places: Sequence[int]) -> bool:
        """A known given name, initials, or a surname before a comma; or a store's name that names the author so."""
        inverted = "," in self.reading.tokens[places[1]].gap
        given = [self.texts[place] for place in (places if inverted else places[:-1])]
        if any(len(name) == 1 or name in GIVEN_NAMES for name in given) or (inverted and len(places) == 2):
            return True
        return not STORES.isdisjoint(self.texts)
