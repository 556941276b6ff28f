"""The series and volume that a file's own name and folder show, for files that say nothing of them inside.

Only what is marked as a volume counts, or a number behind the very name of the folder: a title that merely ends in a
number is no series.
"""

import re
from collections.abc import Sequence

from matching.names import stem
from matching.vocabulary import CHAPTER_MARKERS, VOLUME_COUNTERS, folded
from matching.words import Token, tokens_of, words_of
from matching.works import is_volume_marker

# The markers that mean a volume and nothing else: "The Jungle Book 2" and "Plan No. 9" have theirs in the title.
_SURE_MARKERS = folded(
    *("v", "vol", "vols", "volume", "tome", "tomo", "tom", "t", "band", "bd", "volumen", "том", "т"),
    *("เล่ม", "เล่มที่", "第", "제"),
)
_YEAR_BEHIND = re.compile(r"\s*[(\[]\s*(?:18|19|20)[0-9]{2}(?:\s*[-–]\s*(?:(?:18|19|20)?[0-9]{2,4})?)?\s*[)\]]\s*$")
_EDGES = " _-–—.,:;#([{~"


def series_of_file(name: str, folder: str, *, is_comic: bool) -> tuple[str, float | None]:
    """The series and volume of a file by its base name and the name of its folder; ("", None) where they show none.

    `is_comic` lets a number count that stands right behind the folder's name: "Batman/Batman 050 (2016).cbz".
    """
    text = stem(name)
    tokens = tokens_of(text)
    series_folder = _YEAR_BEHIND.sub("", folder).strip()
    place = marked_volume(tokens)
    if place is None:
        place = numbered_behind(tokens, words_of(series_folder)) if is_comic else None
        if place is None:
            return "", None
    start, volume = place
    before = tuple(token.text for token in tokens[:start])
    if not before or before == words_of(series_folder):
        return (series_folder, volume) if series_folder else ("", None)
    return written(text, before), volume


def marked_volume(tokens: Sequence[Token]) -> tuple[int, float] | None:
    """Where the one volume of a name is stated, and which it is; None for none, for several and for ranges."""
    found: list[tuple[int, int, float]] = []
    for place, token in enumerate(tokens):
        after = tokens[place + 1] if place + 1 < len(tokens) else None
        if after is not None and after.digits and token.text in CHAPTER_MARKERS:
            return None  # a chapter, of whichever volume
        if after is not None and after.value is not None and token.text in _SURE_MARKERS:
            is_single_letter = len(token.text) == 1 and token.text.isascii()
            if is_volume_marker(token, after) and (not is_single_letter or not after.gap):
                found.append((place, place + 2, after.value))
        elif token.value is not None and (place == 0 or tokens[place - 1].text not in _SURE_MARKERS):
            if after is not None and after.text in VOLUME_COUNTERS:
                found.append((place, place + 2, token.value))
            elif token.hashed and place:
                found.append((place, place + 1, token.value))
    if len(found) != 1:
        return None
    [(start, end, volume)] = found
    if end < len(tokens) and tokens[end].value is not None and "-" in tokens[end].gap and not tokens[end].bracket:
        return None  # volumes 1-3 in one file
    return start, volume


def numbered_behind(tokens: Sequence[Token], folder: tuple[str, ...]) -> tuple[int, float] | None:
    """A number right behind the folder's name, with nothing but brackets after it."""
    count = len(folder)
    if not folder or len(tokens) <= count or tuple(token.text for token in tokens[:count]) != folder:
        return None
    number = tokens[count]
    if number.value is None or number.bracket or any(not token.bracket for token in tokens[count + 1 :]):
        return None
    return count, number.value


def written(text: str, words: tuple[str, ...]) -> str:
    """The shortest beginning of a text that has these words, as it is written there."""
    for end in range(1, len(text) + 1):
        if (end == len(text) or not text[end].isalnum()) and words_of(text[:end]) == words:
            return text[:end].replace("_", " ").strip(_EDGES)
    return " ".join(words)
