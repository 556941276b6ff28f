"""Takes names and titles apart into words that can be compared, with what stood between and around them."""

import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import unquote

from matching.names import ARTICLES, folded_words
from matching.vocabulary import GLUED_MARKERS, NUMBER_WORDS, SPELT_MARKERS

TEXT_LIMIT = 1200  # characters; longer names are hostile, and no file system takes them
TOKEN_LIMIT = 160

_OPENING = "([{【〔［（"
_CLOSING = ")]}】〕］）"
_KIND = dict(zip(_OPENING, "([{[[[(", strict=True))
_QUOTES = '《》「」『』〈〉“”„«»"'
_TRADE_MARKS = str.maketrans("", "", "™®©℠")
_HALVES = re.compile(r"(?:([0-9])\s?)?½")
# L'Étranger, d'Artagnan, dell'arte: the elided word stands for itself, as where a device put `_` for the apostrophe.
_ELISION = re.compile(r"(?<![^\W_])(l|d|qu|j|n|s|c|m|t|dell|all|nell|sull|un)['’](?=\w)", re.IGNORECASE)
_POSSESSIVE = re.compile(r"(?<=[^\W\d_])_(?=(?:s|t|re|ll|ve|d|m)(?![^\W_]))", re.IGNORECASE)
_NUMERO = re.compile(r"(?<![^\W_])n\.?\s?[º°]\s?", re.IGNORECASE)
_AND = re.compile(r"(?<=\w)\s*&\s*(?=\w)")
_KANJI_NUMBER = "[〇零一二三四五六七八九十百]"
_COUNTED = re.compile(
    rf"第\s*([0-9]+(?:[.,][0-9]+)?|{_KANJI_NUMBER}{{1,5}})\s*([巻卷冊册集部輯辑話话章回节節期季篇編编])"
)
_COUNTER = re.compile(r"(?<![0-9.])([0-9]+(?:[.,][0-9]+)?)\s*([巻卷冊册권話话화回章집])")
_THAI = re.compile(r"(เล่มที่|เล่ม|ตอนที่|ตอน)\s*\.?\s*(?=[0-9๐-๙])")
_KOREAN_ORDINAL = re.compile(r"제\s*(?=[0-9]+\s*[권화부])")
_GLUED = re.compile(r"([^\W\d_]+)([0-9]+)")
_HARD = re.compile(r"\s[-–—~_]+\s|[–—]|--|_-_|\s\||[|•]|-_|_-")
_SOFT = re.compile(r"[:;/]|_\s|\s_")
_ROMAN = re.compile(r"m{0,3}(?:cm|cd|d?c{0,3})(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3})")
_ROMAN_VALUES = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}


@dataclass(frozen=True, slots=True)
class Token:
    """A word or a number of a text. Tokens with equal `text` are equal words."""

    text: str
    raw: str  # as written, in compatibility form
    gap: str = ""  # what stood between the previous word and this one
    segment: int = 0  # counts the parts between dashes
    part: int = 0  # counts the parts between dashes, colons and their replacements
    bracket: int = 0  # which bracket this word stands in, counted from 1; 0 outside
    kind: str = ""  # of the bracket: ( [ {
    value: float | None = None  # of a number, in whatever script it is written
    digits: bool = False  # written in digits

    @property
    def hashed(self) -> bool:
        return "#" in self.gap


@lru_cache(maxsize=8192)
def tokens_of(text: str) -> tuple[Token, ...]:
    """The words of a name without its suffix, or of a title."""
    return tuple(spelt_numbers(merged(split(prepared(text[:TEXT_LIMIT])))))[:TOKEN_LIMIT]


@lru_cache(maxsize=8192)
def words_of(text: str) -> tuple[str, ...]:
    return tuple(token.text for token in tokens_of(text))


def prepared(text: str) -> str:
    text = _HALVES.sub(lambda half: f"{half[1]}.5" if half[1] else " 0.5 ", text.translate(_TRADE_MARKS))
    text = unicodedata.normalize("NFKC", _NUMERO.sub("no ", text))
    text = _AND.sub(" and ", text) if "&" in text else text
    text = _ELISION.sub(r"\1 ", text)
    text = _POSSESSIVE.sub("'", text)
    if not text.isascii():
        text = _COUNTED.sub(r" 第 \1 \2 ", text)
        text = _COUNTER.sub(r" \1 \2 ", text)
        text = _THAI.sub(r" \1 ", text)
        text = _KOREAN_ORDINAL.sub(" 제 ", text)
    return text


def split(text: str) -> Iterator[Token]:
    """Words at changes between letters, digits and scripts without spaces, with gaps, parts and brackets."""
    gap: list[str] = []
    chunk: list[str] = []
    chunk_class = ""
    segment = part = bracket = brackets = depth = 0
    kind = ""
    pending = ""

    def token() -> Iterator[Token]:
        raw = "".join(chunk)
        for text in pieces(raw, chunk_class):
            first = text is raw or raw.startswith(text)
            yield word(text, "".join(gap) if first else "", segment, part, bracket, kind)

    for character in text:
        character_class = class_of(character)
        if character_class == "ignored":
            continue
        if character_class == "mark":
            if chunk:
                chunk.append(character)
            continue
        if character_class:
            if chunk and (character_class == "dense") != (chunk_class == "dense"):
                yield from token()
                chunk, gap = [], []
            if not chunk:
                between = "".join(gap)
                if _HARD.search(between) and not depth:
                    segment += 1
                    part += 1
                elif pending or _SOFT.search(between):
                    part += 1
                pending = ""
                chunk_class = character_class
            elif character_class != chunk_class:
                chunk_class = "mixed"
            chunk.append(character)
            continue
        if chunk:
            yield from token()
            chunk, gap, chunk_class = [], [], ""
        gap.append(character)
        if character in _OPENING:
            depth += 1
            if depth == 1:
                brackets += 1
                bracket, kind = brackets, _KIND[character]
                pending = "("
        elif character in _CLOSING and depth:
            depth -= 1
            if not depth:
                bracket, kind = 0, ""
                pending = ")"
        elif character in _QUOTES:
            pending = '"'
    if chunk:
        yield from token()


_CLASSES: dict[str, str] = {}


def class_of(character: str) -> str:
    """`letter`, `digit`, `dense` (scripts without spaces), `mark`, `ignored`, or empty for what separates."""
    known = _CLASSES.get(character)
    if known is None:
        category = unicodedata.category(character)
        if category == "Nd":
            known = "digit"
        elif category[0] in "LN":
            known = "dense" if is_dense(character) else "letter"
        elif category[0] == "M":
            known = "mark"
        elif category == "Cf" or character in "'’ʼ`´":
            known = "ignored"
        else:
            known = ""
        if len(_CLASSES) < 20_000:
            _CLASSES[character] = known
    return known


def is_dense(character: str) -> bool:
    code = ord(character)
    return (
        0x0E00 <= code <= 0x0EFF  # Thai, Lao
        or 0x1100 <= code <= 0x11FF
        or 0x2E80 <= code <= 0x9FFF
        or 0xAC00 <= code <= 0xD7FF
        or 0xF900 <= code <= 0xFAFF
        or 0x20000 <= code <= 0x3FFFF
    )


def pieces(raw: str, chunk_class: str) -> Sequence[str]:
    """`v05` and `vol3c12` are a marker and a number each; `1Q84`, `B2B` and `3rd` are words."""
    if chunk_class != "mixed" or raw[0].isdigit():
        return (raw,)
    glued = _GLUED.findall(raw)
    if "".join(letters + digits for letters, digits in glued) != raw:
        return (raw,)
    if any(letters.casefold() not in GLUED_MARKERS for letters, _digits in glued):
        return (raw,)
    return [piece for pair in glued for piece in pair]


@lru_cache(maxsize=65536)
def folded_chunk(raw: str) -> str:
    return "".join(folded_words(raw))


def word(raw: str, gap: str, segment: int, part: int, bracket: int, kind: str) -> Token:
    if raw.isdecimal() and len(raw) <= 15:
        value = int(raw)
        return Token(str(value), raw, gap, segment, part, bracket, kind, float(value), True)
    return Token(folded_chunk(raw), raw, gap, segment, part, bracket, kind, kanji_value(raw))


def merged(tokens: Iterator[Token]) -> list[Token]:
    """Joins what separators tore apart: `2.5`, `2,5`, `20,000`, and the `s` of a possessive."""
    found = [token for token in tokens if token.text]
    joined: list[Token] = []
    for place, token in enumerate(found):
        before = joined[-1] if joined else None
        if before is None:
            joined.append(token)
        elif token.text == "s" and len(token.gap) == 1 and token.gap in " _-" and is_plain_word(before):
            joined[-1] = replace(before, text=before.text + "s", raw=before.raw + "s")
        elif (
            token.digits
            and before.digits
            and token.gap in (".", ",")
            and before.raw.isdecimal()
            and not follows_by_dot(found, place + 1)
            and not follows_by_dot(found, place - 1)
            and before.value is not None
        ):
            joined[-1] = decimal(before, token)
        else:
            joined.append(token)
    return joined


def is_plain_word(token: Token) -> bool:
    return token.value is None and len(token.text) > 1 and class_of(token.raw[-1]) == "letter"


def follows_by_dot(tokens: Sequence[Token], place: int) -> bool:
    return 0 < place < len(tokens) and all(
        (tokens[place].digits, tokens[place - 1].digits, tokens[place].gap in (".", ","))
    )


def decimal(whole: Token, fraction: Token) -> Token:
    raw = f"{whole.raw}{fraction.gap}{fraction.raw}"
    if len(fraction.raw) == 3 and len(whole.raw) <= 3 and whole.value:
        value = float(whole.raw + fraction.raw)  # 20,000 and 20.000 Meilen
    else:
        value = float(f"{whole.raw}.{fraction.raw[:4]}")
    return replace(whole, text=number_text(value), raw=raw, value=value)


def spelt_numbers(tokens: Sequence[Token]) -> Iterator[Token]:
    """A number in words or in Roman numerals behind a marker becomes that number: "Book One", "Tome II"."""
    before: Token | None = None
    for token in tokens:
        if (
            before is not None
            and token.value is None
            and before.text in SPELT_MARKERS
            and token.segment == before.segment
            and token.bracket == before.bracket
            and (value := NUMBER_WORDS.get(token.text) or roman_value(token.text))
        ):
            token = replace(token, text=str(value), value=float(value))
        yield token
        before = token


def roman_value(text: str) -> int | None:
    """Of a folded word; up to 39, since longer ones are words (`mix`, `civil`) more often than volumes."""
    if not text or len(text) > 6 or not text.isascii() or not _ROMAN.fullmatch(text):
        return None
    total = 0
    for letter, after in zip(text, text[1:] + " ", strict=True):
        value = _ROMAN_VALUES[letter]
        total += -value if _ROMAN_VALUES.get(after, 0) > value else value
    return total if 0 < total < 40 else None


_KANJI_DIGITS = {digit: value for value, digit in enumerate("〇一二三四五六七八九")} | {"零": 0}


def kanji_value(raw: str) -> float | None:
    """Of a word that is a whole number in kanji: 二, 十二, 二十, 百五. Titles hold them too: see the callers."""
    if not raw or len(raw) > 5 or any(character not in "〇零一二三四五六七八九十百" for character in raw):
        return None
    total = current = 0
    for character in raw:
        if character in "十百":
            total += (current or 1) * (10 if character == "十" else 100)
            current = 0
        else:
            current = current * 10 + _KANJI_DIGITS[character]
    return float(total + current)


def number_text(value: float) -> str:
    """`3`, `12` or `2.5`."""
    return f"{value:.4f}".rstrip("0").rstrip(".")


def without_articles(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """Without articles in front, or one moved to the end by a comma; one word is left in any case."""
    found = list(tokens)
    if len(found) > 1 and "," in found[-1].gap and found[-1].text in ARTICLES:
        found.pop()
    while len(found) > 1 and found[0].text in ARTICLES:
        found = found[1:]
    return tuple(found)


def other_readings(text: str) -> tuple[str, ...]:
    """What a name may have been before something went wrong: UTF-8 read as Latin-1, percent codes, entities."""
    found = []
    if "%" in text and (unquoted := unquote(text, errors="replace")) != text and "\ufffd" not in unquoted:
        found.append(unquoted)
    if "&" in text and (unescaped := html.unescape(text)) != text:
        found.append(unescaped)
    if not text.isascii() and (repaired := decoded_again(text)):
        found.append(repaired)
    return tuple(found)


def decoded_again(text: str) -> str:
    """The text whose UTF-8 was read as Latin-1 or Windows-1252, or empty where it was not."""
    raw = bytearray()
    for character in unicodedata.normalize("NFC", text):
        try:
            raw += character.encode("cp1252")
        except UnicodeEncodeError:
            if ord(character) > 255:
                return ""
            raw.append(ord(character))
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return ""
