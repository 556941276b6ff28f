"""A book as names may state it: the pieces of its title, its series, its volume, its authors."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from matching.vocabulary import EDITIONS, LIGHT_NOVEL_WORDS, MANGA_WORDS, OMNIBUSES, VOLUME_COUNTERS, VOLUME_MARKERS
from matching.words import Token, tokens_of, without_articles, words_of

SHORT_TITLE = 4  # letters up to which a title of one word is found by equality alone

_RUN = re.compile(r"\s*[(\[](?P<year>(?:19|20)[0-9]{2})(?:\s*[-–]\s*(?:[0-9]{2,4})?)?[)\]]\s*$")
_TAG = re.compile(r"\s*[(\[][^()\[\]]{1,60}[)\]]\s*$")

# "No. 6" is a title: these begin a volume only behind other words.
COUNTING = frozenset(("no", "nr", "n", "num", "number", "numero", "номер", "t", "v", "c", "del", "issue"))

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Work:
    """What names may say of one book; words as `matching.words` makes them, without articles in front."""

    title: Words  # all of it, numbers and markers with it
    pieces: tuple[Words, ...]  # of the title, between colons, dashes, brackets and its volume
    series: tuple[Words, ...]  # the ways in which its series is written
    authors: tuple[Words, ...]
    volume: float | None  # by its series, or else by the title where that says so
    in_series: bool  # the volume is on record, not read from the title
    states_volume: bool  # the title says which volume it is
    numbered: bool  # with a `#`, as single issues are
    with_marker: bool  # as "Vol. 2" or the like, as collected volumes are
    bare_number: tuple[Words, float] | None  # a title that ends in a number without any marker: its words before
    run_year: int | None  # the series' first year, where its name says it
    form: str  # "light novel" or "manga", where the title or the series says so in brackets
    breaks: frozenset[int]  # the places in `title` before which a colon, a dash or a bracket stands

    @property
    def is_short(self) -> bool:
        return is_short(self.title)

    @property
    def is_series_title(self) -> bool:
        """Is the title nothing but the series' name, and perhaps a number?"""
        return bool(self.pieces) and all(piece in self.series for piece in self.pieces)


def is_short(words: Words) -> bool:
    return len(words) == 1 and len(words[0]) <= SHORT_TITLE


def finite(index: float | None) -> float | None:
    return index if index is not None and math.isfinite(index) else None


@lru_cache(maxsize=8192)
def work_of(title: str, authors: tuple[str, ...], series: str, series_index: float | None) -> Work:
    index = finite(series_index) if series else None
    named, run_year = series_names(series)
    tokens = tokens_of(title)
    pieces, stated, with_marker = title_pieces(without_tag(tokens))
    bare = bare_number(pieces) if stated is None else None
    volume = index if index is not None else stated
    states_volume = stated is not None
    if bare and index == bare[1] and len(pieces) == 1:
        pieces, states_volume = ((bare[0],) if bare[0] else ()), True
        bare = None
    whole = without_articles(tokens)
    return Work(
        title=tuple(token.text for token in whole),
        pieces=pieces,
        series=named,
        authors=tuple(filter(None, (tuple(author_words(author)) for author in authors))),
        volume=volume,
        in_series=index is not None,
        states_volume=states_volume,
        numbered=any(token.hashed for token in tokens if token.value is not None),
        with_marker=with_marker,
        bare_number=bare,
        run_year=run_year,
        form=form_in(tokens) or form_in(tokens_of(series)),
        breaks=frozenset(place for place in range(1, len(whole)) if whole[place].part != whole[place - 1].part),
    )


def without_tag(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    """Without the form of the work in brackets: "(light novel)", "[Manga]"."""
    tagged = {bracket for bracket, _form in forms_in(tokens)}
    return tuple(token for token in tokens if token.bracket not in tagged)


def form_in(tokens: tuple[Token, ...]) -> str:
    return next((form for _bracket, form in forms_in(tokens)), "")


def forms_in(tokens: tuple[Token, ...]) -> Iterator[tuple[int, str]]:
    """The brackets that say nothing but a form of work."""
    for bracket in sorted({token.bracket for token in tokens} - {0}):
        inside = tuple(token.text for token in tokens if token.bracket == bracket)
        for known, form in ((LIGHT_NOVEL_WORDS, "light novel"), (MANGA_WORDS, "manga")):
            if inside in known.get(inside[0], ()):
                yield bracket, form


def title_pieces(tokens: Sequence[Token]) -> tuple[tuple[Words, ...], float | None, bool]:
    """The title's pieces without its volume; the volume where it is stated, and whether by more than a `#`."""
    stated: float | None = None
    with_marker = False
    pieces: list[list[Token]] = [[]]
    place = 0
    while place < len(tokens):
        token = tokens[place]
        after = tokens[place + 1] if place + 1 < len(tokens) else None
        if pieces[-1] and (token.part != pieces[-1][-1].part or begins_alternative(token)):
            pieces.append([])
        if (
            after is not None
            and after.value is not None
            and stated is None
            and is_volume_marker(token, after)
            and (place > 0 or token.text not in COUNTING)
        ):
            stated, with_marker = after.value, True
            place += 2 + (place + 2 < len(tokens) and tokens[place + 2].text in VOLUME_COUNTERS)
            pieces.append([])
            continue
        if token.value is not None and stated is None:
            if after is not None and after.text in VOLUME_COUNTERS:
                stated, with_marker = token.value, True
                place += 2
                pieces.append([])
                continue
            if token.hashed and pieces[-1]:
                stated = token.value
                place += 1
                pieces.append([])
                continue
        pieces[-1].append(token)
        place += 1
    found = tuple(tuple(token.text for token in without_articles(piece)) for piece in pieces if piece)
    return found, stated, with_marker


def begins_alternative(token: Token) -> bool:
    """Does a second title begin here, as in "The Hobbit, or There and Back Again"?"""
    return token.text in ("or", "oder", "ou") and ("," in token.gap or ";" in token.gap)


def is_volume_marker(marker: Token, number: Token) -> bool:
    """Do these two say a volume? Single letters only where the number follows at once: `v2`, `T 02`, `n.º 2`."""
    if marker.text not in VOLUME_MARKERS or number.segment != marker.segment or number.bracket != marker.bracket:
        return False
    if marker.text == "n":
        return "." in number.gap or number.gap == ""
    return True


def bare_number(pieces: tuple[Words, ...]) -> tuple[Words, float] | None:
    """The words and the number of a title that ends in one, like "One Piece 105" or "Fahrenheit 451"."""
    if not pieces:
        return None
    *words, last = pieces[-1]
    try:
        number = float(last)
    except ValueError:
        return None
    if not math.isfinite(number) or number >= 1900:
        return None
    return tuple(words), number


@lru_cache(maxsize=4096)
def series_names(series: str) -> tuple[tuple[Words, ...], int | None]:
    """The ways in which a series is written, and its first year: `Batman (2016)` is Batman, of the run of 2016."""
    if not series.strip():
        return (), None
    run = _RUN.search(series)
    names = [series]
    if run:
        names.append(series[: run.start()])
    elif (tag := _TAG.search(series)) and not is_other_edition(words_of(tag[0])):
        names.append(series[: tag.start()])
    found = dict.fromkeys(tuple(token.text for token in without_articles(tokens_of(name))) for name in names)
    return tuple(words for words in found if words), int(run["year"]) if run else None


def is_other_edition(words: Words) -> bool:
    return any(phrase in known.get(word, ()) for known in (EDITIONS, OMNIBUSES) for word in words for phrase in [words])


@lru_cache(maxsize=16384)
def author_words(name: str) -> tuple[str, ...]:
    """The words of a person's name; initials stand alone."""
    return words_of(name.replace(".", " "))[:12]
