"""Reads what a name says beside titles and people: volumes, chapters, ranges, years, editions, and noise."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from matching.names import base_name, stem
from matching.vocabulary import (
    CHAPTER_COUNTERS,
    CHAPTER_MARKERS,
    EDITIONS,
    FORMATS,
    GENRES,
    LIGHT_NOVEL_WORDS,
    MANGA_WORDS,
    NOISE,
    NUMBER_WORDS,
    OF,
    OMNIBUSES,
    ORDINALS,
    PART_COUNTERS,
    PART_MARKERS,
    PART_OR_VOLUME_MARKERS,
    PUBLISHERS,
    VOLUME_COUNTERS,
    VOLUME_MARKERS,
)
from matching.words import Token, other_readings, roman_value, tokens_of
from matching.works import is_volume_marker

YEARS = range(1800, 2036)
_ISBN = re.compile(r"(?<![0-9])(?:97[89][- ]?(?:[0-9][- ]?){9}[0-9]|(?:[0-9][- ]?){9}[0-9Xx])(?![0-9])")
_DATE = re.compile(r"(?<![0-9])(?:19|20)[0-9]{2}[-.][01]?[0-9][-.][0-3]?[0-9](?![0-9])")
_HASH = re.compile(r"(?<![0-9a-zA-Z])[0-9a-fA-F]{32,64}(?![0-9a-zA-Z])")
_ARCHIVE = re.compile(r"\s--\s")  # Title -- Author -- Publisher, year -- ISBN -- hash -- Anna's Archive
_ORDINAL = re.compile(r"[0-9]{1,3}(?:st|nd|rd|th)")
_RANGE = re.compile(r"\s?[-–—~]\s?")
_MONTHS = frozenset(("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec"))


@dataclass(frozen=True)
class Reading:
    """The words of a name or of a document's title, and what they could say."""

    tokens: tuple[Token, ...]
    suffix: str = ""
    isbns: tuple[str, ...] = ()
    is_cut: bool = False  # so long that a device may have cut it, or ending in dots

    @cached_property
    def texts(self) -> tuple[str, ...]:
        return tuple(token.text for token in self.tokens)

    @cached_property
    def possible_volumes(self) -> tuple[float, ...]:
        found: dict[float, None] = {}
        for token in self.tokens:
            value = token.value
            if value is None and token.raw.isupper() and len(token.text) <= 6:
                roman = roman_value(token.text)
                value = float(roman) if roman else None
            if value is not None and 0 <= value < 100_000:
                found[value] = None
        return tuple(found)


@dataclass
class Residue:
    """What a name says beside the words that are explained already."""

    explicit: list[tuple[float, int]] = field(default_factory=list)  # volumes by a marker, with their places
    markers: set[str] = field(default_factory=set)  # by which these are stated
    bare: list[tuple[float, int]] = field(default_factory=list)  # numbers without any
    ranges: list[tuple[float, float]] = field(default_factory=list)
    years: list[tuple[int, int]] = field(default_factory=list)
    leftover: list[int] = field(default_factory=list)  # places of words that nothing explains
    noise: set[int] = field(default_factory=set)  # places
    copies: list[int] = field(default_factory=list)  # "(2)" at the end: a copy, or a volume
    editions: list[int] = field(default_factory=list)  # places
    omnibuses: list[int] = field(default_factory=list)
    chapter: bool = False
    part: bool = False
    form: str = ""  # "manga" or "light novel", where the name says so


def readings_of(name: str, *, has_suffix: bool) -> tuple[Reading, ...]:
    """The name as it is written, and as it was before an encoding went wrong; none where it has no words."""
    if not name:
        return ()
    if has_suffix:
        name = base_name(name)
    found = [reading_of(each, has_suffix=has_suffix) for each in (name, *other_readings(name))]
    return tuple(dict.fromkeys(reading for reading in found if reading.tokens or reading.isbns))


@lru_cache(maxsize=2048)
def reading_of(name: str, *, has_suffix: bool = False) -> Reading:
    text, suffix = name, ""
    if has_suffix:
        text = stem(name)
        suffix = name[len(text) + 1 :].casefold()
    is_cut = len(text.encode(errors="replace")) >= 160 or text.rstrip().endswith(("…", "...", "~"))
    isbns = tuple(dict.fromkeys(isbn for found in _ISBN.findall(text) if (isbn := isbn13(found))))
    if len(parts := _ARCHIVE.split(text)) > 2:
        text = " - ".join(parts[:2])
    bare = _HASH.sub(" ", _DATE.sub(" ", text))
    if isbns:
        bare = _ISBN.sub(lambda found: " " if isbn13(found[0]) else found[0], bare)
    tokens = tokens_of(bare)
    return Reading(tokens or tokens_of(text), suffix, isbns, is_cut)


def isbn13(text: str) -> str:
    """The ISBN as 13 digits, or empty where the check digit is wrong."""
    digits = re.sub(r"[- ]", "", text).upper()
    if len(digits) == 10:
        total = sum((10 - place) * (10 if digit == "X" else int(digit)) for place, digit in enumerate(digits))
        if total % 11:
            return ""
        digits = "978" + digits[:9]
        return digits + str(-sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10)
    if len(digits) != 13 or not digits.isdigit():
        return ""
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return "" if total % 10 else digits


class Residues:
    """Reads the words that are not covered, one after the other."""

    def __init__(self, reading: Reading, covered: Sequence[int]) -> None:
        self.tokens = reading.tokens
        self.texts = reading.texts
        self.covered = covered
        self.found = Residue()

    def read(self) -> Residue:
        place = 0
        while place < len(self.tokens):
            place += 1 if self.covered[place] else self.take(place)
        if len(self.found.markers) > 1 and self.found.markers & PART_OR_VOLUME_MARKERS:
            self.found.part = True  # Том 1. Часть 2
        return self.found

    def take(self, place: int) -> int:
        """Reads what begins at this place; answers how many words it has."""
        return self.take_numbers(place) or self.take_phrase(place) or self.take_rest(place)

    def free(self, place: int) -> Token | None:
        """The word at this place, where nothing explains it yet."""
        return self.tokens[place] if 0 <= place < len(self.tokens) and not self.covered[place] else None

    def take_numbers(self, place: int) -> int:
        token, after = self.tokens[place], self.free(place + 1)
        if token.text in ORDINALS and after is not None and after.text in ("book", "novel", "volume"):
            self.found.explicit.append((float(NUMBER_WORDS[token.text]), place))
            return 2
        if token.value is None or token.text in ("第", "제"):
            number = after if after is not None and after.value is not None else None
            if number is None or after is None:
                return 0
            return self.take_marked(place, token, number)
        return self.take_unmarked(place, token)

    def take_marked(self, place: int, marker: Token, number: Token) -> int:
        counter = self.free(place + 2)
        if marker.text in ("第", "제"):
            return 1 + self.take_counted(place + 1, number, counter) if counter else 0
        if marker.text in CHAPTER_MARKERS and (len(marker.text) > 1 or not number.gap):
            self.found.chapter = True
            return 2 + self.take_range_end(place + 2)
        if marker.text in PART_MARKERS:
            self.found.part = True
            return 2
        if marker.text in OF and (self.is_number(place - 1) or self.is_alone_in_bracket(place, place + 1)):
            self.found.noise.update((place, place + 1))
            return 2
        if marker.text in ("r", "rev") and (number.gap == "" or number.bracket):
            self.found.noise.update((place, place + 1))
            return 2
        if not is_volume_marker(marker, number) or number.value is None:
            return 0
        if is_release(marker, number):
            self.found.noise.update((place, place + 1))
            return 2
        if marker.text in ("v", "vol", "volume") and number.digits and number.value in YEARS:
            self.found.years.append((int(number.value), place + 1))
            return 2
        length = self.take_range_end(place + 2)
        if length:
            self.found.ranges.append((number.value, self.tokens[place + 1 + length].value or 0.0))
        else:
            self.found.explicit.append((number.value, place + 1))
            self.found.markers.add(marker.text)
        if counter and counter.text in VOLUME_COUNTERS:
            length += 1
        return 2 + length

    def take_counted(self, place: int, number: Token, counter: Token | None) -> int:
        """A number with a counter behind it: `2권`, `01巻`; 0 where there is none."""
        if counter is None or number.value is None:
            return 0
        if counter.text in CHAPTER_COUNTERS:
            self.found.chapter = True
        elif counter.text in PART_COUNTERS:
            self.found.part = True
        elif counter.text in VOLUME_COUNTERS:
            self.found.explicit.append((number.value, place))
        else:
            return 0
        return 2

    def take_range_end(self, place: int) -> int:
        """How many words lie before the end of a range, with it: `-03`, `-v03`; 0 where none goes on here."""
        token = self.free(place)
        if token is None or not (_RANGE.fullmatch(token.gap) or token.text in ("to", "bis", "a", "through")):
            return 0
        if token.value is not None:
            return 1
        after = self.free(place + 1)
        again = token.text in VOLUME_MARKERS or token.text in CHAPTER_MARKERS or token.text in ("to", "bis", "through")
        return 2 if again and after is not None and after.value is not None else 0

    def take_unmarked(self, place: int, token: Token) -> int:
        value = token.value
        if value is None:
            return 0
        after = self.free(place + 1)
        if counted := self.take_counted(place, token, after):
            return counted
        if not token.digits or self.phrase_length(OMNIBUSES, place):
            return 0  # a numeral in kanji is a word, where no counter follows
        if value in YEARS and len(token.raw) == 4 and token.bracket and not token.hashed:
            self.found.years.append((int(value), place))
            length = self.take_range_end(place + 1)
            return 1 + length
        if after is not None and after.value is not None and after.digits and _RANGE.fullmatch(after.gap):
            tight = " " not in after.gap or after.gap.strip() != "-"
            if tight and after.value > value:
                self.found.ranges.append((value, after.value))
                return 2
        if len(token.raw) >= 9:
            self.found.noise.add(place)
            return 1
        if self.is_copy(place):
            self.found.copies.append(int(value))
        elif token.hashed:
            self.found.explicit.append((value, place))
        else:
            self.found.bare.append((value, place))
        return 1

    def take_phrase(self, place: int) -> int:
        """The longest phrase that is known, whether it counts against a book or not."""
        token = self.tokens[place]
        options = [
            (self.phrase_length(known, place), kind)
            for known, kind in ((EDITIONS, "edition"), (OMNIBUSES, "omnibus"), (NOISE, "noise"), (PUBLISHERS, "noise"))
            if known is not PUBLISHERS or token.bracket
        ]
        for known, form in ((LIGHT_NOVEL_WORDS, "light novel"), (MANGA_WORDS, "manga")):
            length = self.phrase_length(known, place)
            if length and (token.bracket or form == "light novel" or len(self.tokens) == place + length):
                options.insert(0, (length, form))
        length, kind = max(options, key=lambda option: option[0])
        if not length:
            return 0
        self.found.noise.update(range(place, place + length))
        if kind == "edition":
            self.found.editions.append(place)
        elif kind == "omnibus":
            self.found.omnibuses.append(place)
        elif kind != "noise":
            self.found.form = kind
        elif self.texts[place] in ("copy", "copie", "kopie", "copia", "копия", "コピー", "副本", "kopia"):
            after = self.free(place + length)
            if after is not None and after.value is not None and len(self.tokens) == place + length + 1:
                length += 1
        return length

    def phrase_length(self, known: dict[str, tuple[tuple[str, ...], ...]], place: int) -> int:
        if place >= len(self.texts) or self.covered[place]:
            return 0
        for words in known.get(self.texts[place], ()):
            if self.texts[place : place + len(words)] == words and not any(
                self.covered[place + 1 : place + len(words)]
            ):
                return len(words)
        return 0

    def take_rest(self, place: int) -> int:
        token = self.tokens[place]
        roman = roman_value(token.text) if token.raw.isupper() else None
        if roman and (len(token.text) > 1 or self.is_beside_covered(place)):
            self.found.bare.append((float(roman), place))
        elif (token.text in _MONTHS and token.bracket) or self.is_second_suffix(place) or self.is_genre(place):
            self.found.noise.add(place)
        elif self.is_ordinal_of_edition(place):
            self.found.editions.append(place)
        else:
            self.found.leftover.append(place)
        return 1

    def is_second_suffix(self, place: int) -> bool:
        """`Dune.lit.epub`: it was converted."""
        token = self.tokens[place]
        return place > 0 and place + 1 == len(self.tokens) and token.gap == "." and token.text in FORMATS

    def is_genre(self, place: int) -> bool:
        """Is this a word for a kind of work, and a part of the name by itself?"""
        part = self.tokens[place].part
        alone = all(at == place or token.part != part for at, token in enumerate(self.tokens))
        return place > 0 and alone and self.texts[place] in GENRES

    def is_ordinal_of_edition(self, place: int) -> bool:
        """The first word of `40th Anniversary Edition`."""
        return bool(_ORDINAL.fullmatch(self.texts[place])) and bool(self.phrase_length(EDITIONS, place + 1))

    def is_beside_covered(self, place: int) -> bool:
        return place > 0 and bool(self.covered[place - 1])

    def is_number(self, place: int) -> bool:
        return 0 <= place < len(self.tokens) and self.tokens[place].value is not None

    def is_alone_in_bracket(self, first: int, last: int) -> bool:
        bracket = self.tokens[first].bracket
        before = self.tokens[first - 1].bracket if first else 0
        after = self.tokens[last + 1].bracket if last + 1 < len(self.tokens) else 0
        return bool(bracket) and before != bracket and after != bracket

    def is_copy(self, place: int) -> bool:
        """Is this a "(2)", and does nothing follow but brackets?"""
        token = self.tokens[place]
        if token.kind != "(" or token.hashed or token.value is None or token.value >= 100:
            return False
        return self.is_alone_in_bracket(place, place) and all(after.bracket for after in self.tokens[place:])


def is_release(marker: Token, number: Token) -> bool:
    """`v5.0`, `v1.1`: releases of a file. `v2.5` is a volume between two others."""
    if marker.text != "v" or number.raw.isdecimal() or number.value is None:
        return False
    return "," not in number.raw and not number.raw.endswith(".5")


def spelt_number(text: str) -> int | None:
    return NUMBER_WORDS.get(text)


def groups(places: Sequence[int], reading: Reading) -> Iterator[tuple[int, list[int]]]:
    """These places by the bracket that they stand in; 0 for those outside."""
    by_bracket: dict[int, list[int]] = {}
    for place in places:
        by_bracket.setdefault(reading.tokens[place].bracket, []).append(place)
    yield from by_bracket.items()
