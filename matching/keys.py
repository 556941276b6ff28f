"""The keys under which books are stored, and those under which a file's book is looked up.

`t:` a title, or a part of it that may stand for it - `v:` a series or a title with a volume - `p:` the beginning of a
long title, for names that were cut - `s:` a series - `i:` an ISBN - `o:` a name without any letter.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from matching.evidence import Clue
from matching.names import ARTICLES, stem
from matching.own_names import entry_title, safe_name
from matching.readings import Reading, reading_of, readings_of
from matching.vocabulary import EDITIONS, NOISE, PUBLISHERS
from matching.words import number_text, words_of
from matching.works import Words, Work, finite, is_short, work_of

KEY_LENGTH = 200  # characters
START_LENGTH = 20  # characters of a title that a cut name must hold at least
DECIDING_LIMIT = 400
OFFERING_LIMIT = 40
_PHRASE_WORDS = 12  # longer titles are found by their beginning
_LONGEST_PHRASE = 60  # words; a key holds no more
_PHRASES_LIMIT = 1500  # that are weighed before the likeliest are looked up
_DENSE_NAME = 18  # words up to which every sequence of words is looked up


@dataclass(frozen=True)
class Lookups:
    """`deciding`: under these all books must be found; `offering`: books found here may only be offered."""

    deciding: tuple[str, ...]
    offering: tuple[str, ...]


def keys_of_book(
    *, title: str, authors: Sequence[str], series: str, series_index: float | None, isbns: Sequence[str]
) -> frozenset[str]:
    """The keys under which a book is stored, at most 200 characters each; usually up to eight."""
    return book_keys(title, series, finite(series_index), tuple(isbns))


@lru_cache(maxsize=8192)
def book_keys(title: str, series: str, series_index: float | None, isbns: tuple[str, ...]) -> frozenset[str]:
    found: set[str] = set()
    # Devices get the title with characters replaced, which may part its words elsewhere.
    safe = safe_name(title)
    for written in dict.fromkeys((title, safe, safe.replace(",", "_"))):
        work = work_of(written, (), series, series_index)
        found.update(keys_of_work(work))
    found.update(f"i:{isbn}" for isbn in isbns[:4] if isbn)
    if not words_of(title):
        found.add(wordless_key(safe_name(entry_title(title=title, series=series, series_index=series_index))))
        found.add(wordless_key(safe))
    return frozenset(sorted(key[:KEY_LENGTH] for key in found)[:20])


def keys_of_work(work: Work) -> Iterator[str]:
    if work.title:
        yield title_lookup(work.title)
        text = " ".join(work.title)
        if len(text) > START_LENGTH:
            yield start_key(text)
    if work.volume is not None:
        for words in (*work.series, *work.pieces[:1]):
            yield volume_key(words, work.volume)
    elif work.bare_number and work.bare_number[0]:
        yield volume_key(*work.bare_number)
    if len(work.pieces) > 1:
        for words in work.pieces[:2]:
            if words not in work.series and not is_short(words):
                yield title_lookup(words)
    if work.series:
        yield f"s:{' '.join(work.series[-1])}"


def title_lookup(words: Words) -> str:
    return f"t:{' '.join(words)}"[:KEY_LENGTH]


def volume_key(words: Words, volume: float) -> str:
    return f"v:{' '.join(words)[: KEY_LENGTH - 20]}#{number_text(volume)[:16]}"


def start_key(text: str) -> str:
    return f"p:{text[:START_LENGTH]}"


def wordless_key(name: str) -> str:
    return f"o:{name.casefold()}"[:KEY_LENGTH]


@lru_cache(maxsize=1024)
def lookups_of(filename: str, folder: str, title: str) -> Lookups:
    deciding: dict[str, None] = {}
    offering: dict[str, None] = {}
    readings = [*readings_of(filename, has_suffix=True), *readings_of(title, has_suffix=False)]
    volumes = dict.fromkeys(volume for reading in readings for volume in reading.possible_volumes)
    for reading in readings:
        for isbn in reading.isbns:
            deciding[f"i:{isbn}"] = None
    for place, reading in enumerate([*readings, *([reading_of(folder)] if folder else [])]):
        add_phrases(reading, tuple(volumes)[:8], deciding, offering, DECIDING_LIMIT // (1 if place == 0 else 2))
    for name in dict.fromkeys(wordless_tails(stem(filename))):
        deciding[wordless_key(name)] = None
    return Lookups(tuple(deciding)[:DECIDING_LIMIT], tuple(offering)[:OFFERING_LIMIT])


def keys_of_clue(clue: Clue) -> Lookups:
    """The keys to look up for a file; the likeliest first, at most `DECIDING_LIMIT` and `OFFERING_LIMIT`."""
    return lookups_of(clue.filename, clue.folder, clue.title)


def add_phrases(
    reading: Reading, volumes: Sequence[float], deciding: dict[str, None], offering: dict[str, None], limit: int
) -> None:
    stop = min(DECIDING_LIMIT, len(deciding) + limit)
    phrases = sorted(phrases_of(reading), key=lambda phrase: -phrase[0])
    for _weight, words in phrases:
        if len(deciding) >= stop:
            break
        deciding[title_lookup(words)] = None
        for volume in volumes:
            deciding[volume_key(words, volume)] = None
        text = " ".join(words)
        if len(text) >= START_LENGTH:
            deciding[start_key(text)] = None
        if len(offering) < OFFERING_LIMIT:
            offering[f"s:{text}"[:KEY_LENGTH]] = None


def phrases_of(reading: Reading) -> Iterator[tuple[int, Words]]:
    """Sequences of words that could be a title or a series, with a weight: whole parts of the name weigh most."""
    tokens = reading.tokens
    texts = [token.text for token in tokens]
    count = len(tokens)
    starts = [place == 0 or tokens[place].part != tokens[place - 1].part for place in range(count)]
    ends = [place + 1 == count or tokens[place].part != tokens[place + 1].part for place in range(count)]
    dense = count <= _DENSE_NAME
    left = _PHRASES_LIMIT
    for start in range(count):
        if left <= 0:
            return
        if texts[start] in ARTICLES and start + 1 < count and not ends[start]:
            continue
        begins = starts[start] or (texts[start - 1] in ARTICLES and starts[start - 1])
        for end in range(start, min(count, start + _PHRASE_WORDS if not begins else count)):
            length = end - start + 1
            if length > _LONGEST_PHRASE:
                break
            if length > _PHRASE_WORDS and not ends[end] and end + 1 != count:
                continue
            whole = begins + ends[end]
            if not dense and not whole:
                continue
            if length == 1 and not is_findable_word(reading, start, whole=whole == 2):
                continue
            if tokens[start].bracket != tokens[end].bracket and whole < 2:
                continue
            left -= 1
            yield 100 * whole + length, tuple(texts[start : end + 1])


def is_findable_word(reading: Reading, place: int, *, whole: bool) -> bool:
    """May this word alone be a title? Short and frequent ones only as a whole part, or in a name of few words."""
    text = reading.tokens[place].text
    if whole or len(reading.tokens) <= 6:
        return True
    return len(text) > SHORT_WORD and not any(text in known for known in (NOISE, EDITIONS, PUBLISHERS))


SHORT_WORD = 4
_TAIL = re.compile(r" - | — ")


def keys_of_own_titles(filename: str) -> tuple[str, ...]:
    """Under which books are found of which Tome makes this very name: by all of it, or by what follows a separator."""
    name = stem(filename)
    tails = [name, *(name[separator.end() :] for separator in _TAIL.finditer(name))][:8]
    titles = (work_of(tail, (), "", None).title for tail in tails)
    return tuple(dict.fromkeys(title_lookup(title) for title in titles if title))


def wordless_tails(name: str) -> Iterator[str]:
    """The name, and what follows its separators, where no letter is in it, or none but those of "Vol. 3 — "."""
    tails = [name, *(name[separator.end() :] for separator in _TAIL.finditer(name))][:8]
    for tail in tails:
        words = words_of(tail)
        if len(words) <= 3 and (not words or words[0] == "vol" or len(tail) < 4):
            yield safe_name(tail)
