"""Descriptions of the books of a made-up library, as many as are asked for, the same again for the same seed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, islice
from random import Random

from matching.own_names import cut, safe_name, volume_number
from tests.generating import words

SEED = 2026
SERIES_SHARE = 0.1  # of all works; of the books, since most series have many, six in ten


@dataclass(frozen=True)
class File:
    """A file of a book; `path` is relative to the library's folder, with forward slashes."""

    path: str
    format: str  # epub, kepub.epub, cbz or pdf


@dataclass(frozen=True)
class Description:
    """What the files of one book state. No two have title, authors, series and index in common."""

    number: int  # from 0
    title: str
    authors: tuple[str, ...]
    series: str
    series_index: float | None
    language: str
    isbn: str  # 13 digits, or empty
    published: str  # a year or a day, or empty
    publisher: str
    files: tuple[File, ...]

    @property
    def work(self) -> tuple[str, tuple[str, ...], str, float | None]:
        return self.title, self.authors, self.series, self.series_index


@dataclass(frozen=True)
class Draft:
    """A book before it has its number and its files."""

    title: str
    authors: tuple[str, ...]
    language: str
    series: str = ""
    series_index: float | None = None
    is_comic: bool = False


def describe_books(books: int, seed: int = SEED) -> Iterator[Description]:
    """The first so many books of the library of this seed."""
    return islice(Library(seed).books(), books)


class Library:
    """Makes books one after the other, without end."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.authors: dict[str, list[str]] = {}
        self.titles: list[tuple[str, str]] = []  # of some single books, with their languages, to be used again
        self.named: set[str] = set()  # series
        self.works: set[int] = set()
        self.paths: set[int] = set()

    def books(self) -> Iterator[Description]:
        numbers = count()
        while True:
            folder = self.random.choice(SHELVES)
            for draft in self.series() if self.random.random() < SERIES_SHARE else self.single():
                key = hash((draft.title, draft.authors, draft.series, draft.series_index))
                if key not in self.works:
                    self.works.add(key)
                    yield self.finished(draft, next(numbers), folder)

    def finished(self, draft: Draft, number: int, folder: "Shelf") -> Description:
        random = self.random
        chance = random.random()
        formats = ("cbz",) if draft.is_comic else ("pdf",) if chance < 0.03 else ("epub",)
        if formats == ("epub",) and random.random() < 0.004:
            formats = ("epub", "kepub.epub")
        year = random.randint(1950, 2025)
        day = f"-{random.randint(1, 12):02}-{random.randint(1, 28):02}" if chance < 0.7 else ""
        return Description(
            number=number,
            title=draft.title,
            authors=draft.authors,
            series=draft.series,
            series_index=draft.series_index,
            language=draft.language,
            isbn=isbn_of(number) if random.random() < 0.6 and not draft.is_comic else "",
            published=f"{year}{day}" if chance < 0.95 else "",
            publisher=random.choice(words.PUBLISHERS),
            files=self.files(draft, folder, formats),
        )

    def files(self, draft: Draft, folder: "Shelf", formats: tuple[str, ...]) -> tuple[File, ...]:
        stem = "/".join(safe_name(cut(part, 200)) for part in folder(draft))
        for copy in count(2):
            # Folders differ between readers in case as well, and some file systems do not tell it apart.
            key = hash(stem.casefold())
            if key not in self.paths:
                self.paths.add(key)
                break
            stem = f"{stem.removesuffix(f' ({copy - 1})')} ({copy})"
        return tuple(File(f"{stem}.{format}", format) for format in formats)

    # Single books

    def single(self) -> Iterator[Draft]:
        random = self.random
        language = random.choices(LANGUAGES, LANGUAGE_WEIGHTS)[0]
        title = self.title(language)
        chance = random.random()
        if chance < 0.02 and self.titles:
            title, language = random.choice(self.titles)  # the same title by somebody else
        elif language in ("en", "fr", "de", "es"):
            title = self.adorned(title, chance)
        if random.random() < 0.2:
            self.titles.append((title, language))
        yield Draft(title, self.people(language), language)

    def adorned(self, title: str, chance: float) -> str:
        """Some titles have a subtitle, some are too long for any file system."""
        random = self.random
        if chance < 0.10:
            return f"{title}: {random.choice(words.GENRES_OF_SUBTITLES)}"
        if chance < 0.22:
            return f"{title}: {self.title('en')} and {random.choice(words.ABSTRACTS)}"
        if chance < 0.23:
            more = ", ".join(self.title("en") for _ in range(random.randint(3, 12)))
            return f"{title}, Being a True Account of {more} and {random.choice(words.ABSTRACTS)}"
        if chance < 0.24:
            return f"{title} ({self.title('en')})"
        if chance < 0.25:
            return f"{title} - {self.title('en')}"
        return title

    def title(self, language: str) -> str:
        return TITLES[language](self.random)

    def people(self, language: str) -> tuple[str, ...]:
        """One author, seldom two or three, and now and then nobody that the file would know of."""
        chance = self.random.random()
        if chance < 0.01:
            return ()
        return tuple(dict.fromkeys(self.person(language) for _ in range(1 + (chance > 0.93) + (chance > 0.985))))

    def person(self, language: str) -> str:
        """Who wrote one book has written others."""
        known = self.authors.setdefault(language, [])
        if known and self.random.random() < 0.8:
            return self.random.choice(known)
        name = PEOPLE.get(language, western_name)(self.random)
        known.append(name)
        return name

    # Series

    def series(self) -> Iterator[Draft]:
        random = self.random
        language = random.choices(LANGUAGES, LANGUAGE_WEIGHTS)[0]
        name = self.new_series_name(language)
        style = random.choices(STYLES, STYLE_WEIGHTS)[0]
        is_comic = style in (numbered_volumes, issues) and random.random() < 0.7
        length = self.length(style)
        people = self.people(language) or self.people(language)
        if random.random() < 0.04:
            yield Draft(f"{name}: {self.title(language)}", people, language, name, 0.5, is_comic)
        for index in range(1, length + 1):
            title = style(self, name, index, language)
            yield Draft(title, people, language, name, float(index), is_comic)
            if random.random() < 0.004:
                yield Draft(self.title(language), people, language, name, index + 0.5, is_comic)

    def length(self, style: "Style") -> int:
        if style in (own_titles, nested_titles):
            return self.random.choice((1, 2, 3, 3, 3, 4, 5, 6, 7, 10, 14, 22))
        if self.random.random() < 0.006:
            return self.random.randint(250, 420)
        return self.random.choice((1, 2, 3, 5, 8, 10, 12, 16, 21, 27, 34, 45, 60))

    def new_series_name(self, language: str) -> str:
        """One that no other series has, but for a few."""
        while (name := self.series_name(language)) in self.named and self.random.random() > 0.01:
            pass
        self.named.add(name)
        return name

    def series_name(self, language: str) -> str:
        random = self.random
        chance = random.random()
        if language != "en":
            return self.title(language)
        if chance < 0.35:
            return f"The {random.choice(words.NOUNS)} {random.choice(words.SERIES_KINDS)}"
        if chance < 0.5:
            return f"{place_name(random)} {random.choice(words.SERIES_KINDS)}"
        if chance < 0.53:
            return f"{random.choice(words.NOUNS)}/{random.choice(words.ABSTRACTS)}"
        if chance < 0.55:
            return f"{random.choice(words.NOUNS)} ({random.randint(1950, 2024)})"
        return self.title(language)


# --- How the volumes of a series are called


Style = Callable[[Library, str, int, str], str]


def own_titles(library: Library, name: str, index: int, language: str) -> str:
    if index == 1 and library.random.random() < 0.3:
        return name
    return library.title(language)


def nested_titles(library: Library, name: str, index: int, language: str) -> str:
    """Dune, Dune Messiah, Children of Dune: each has the series' name in it."""
    if index == 1:
        return name
    noun = library.random.choice(words.NOUNS)
    return f"{name} {noun}" if index % 2 else f"{noun} of {name}"


def numbered_volumes(library: Library, name: str, index: int, language: str) -> str:
    if language == "ja":
        return f"{name} {index}" if len(name) % 2 else f"{name}　第{index:02}巻"
    if language == "zh":
        return f"{name} 第{index}卷"
    if language == "ko":
        return f"{name} {index}권"
    if language == "ru":
        return f"{name}. Том {index}"
    if language in ("fr", "de", "es"):
        return f"{name}, {({'fr': 'Tome', 'de': 'Band', 'es': 'Tomo'})[language]} {index}"
    return (f"{name}, Vol. {index}", f"{name}, Volume {index}", f"{name} Vol. {index:02}")[len(name) % 3]


def bare_numbers(library: Library, name: str, index: int, language: str) -> str:
    return f"{name} {index}"


def issues(library: Library, name: str, index: int, language: str) -> str:
    return f"{name} #{index}"


def name_alone(library: Library, name: str, index: int, language: str) -> str:
    return name


def with_subtitles(library: Library, name: str, index: int, language: str) -> str:
    return f"{name}: {library.title(language)}"


def with_volume_and_subtitle(library: Library, name: str, index: int, language: str) -> str:
    return f"{name}, Vol. {index}: {library.title(language)}"


STYLES: tuple[Style, ...] = (
    *(own_titles, nested_titles, numbered_volumes, bare_numbers, issues, name_alone, with_subtitles),
    with_volume_and_subtitle,
)
STYLE_WEIGHTS = (48, 5, 20, 8, 4, 3, 8, 4)


# --- Titles


def english_title(random: Random) -> str:
    adjective, noun, other = random.choice(words.ADJECTIVES), random.choice(words.NOUNS), random.choice(words.NOUNS)
    abstract, place = random.choice(words.ABSTRACTS), place_name(random)
    chance = random.random()
    if chance < 0.008:
        return random.choice(words.SHORT_TITLES)
    if chance < 0.012:
        return str(random.randint(1900, 2100))
    if chance < 0.025:
        return f"{noun} {random.choice((random.randint(2, 30), random.randint(100, 999)))}"
    if chance < 0.035:
        return f"{random.randint(2, 99)} {plural(noun)}"
    if chance < 0.05:
        return noun
    if chance < 0.06:
        return f"Who Killed the {noun} of {place}?"
    if chance < 0.07:
        return f"{noun}/{other}"
    if chance < 0.08:
        return f'"{noun}" and Other Stories of {place}'
    if chance < 0.10:
        return f"{random.choice(words.FIRST_NAMES)} {last_name(random)}"
    patterns = (
        *(f"The {adjective} {noun}", f"{adjective} {noun}", f"The {noun} of {place}", f"A {noun} of {plural(other)}"),
        *(
            f"The {noun}'s {other}",
            f"{noun} and {other}",
            f"The {noun} and the {adjective} {other}",
            f"{abstract} in {place}",
        ),
        *(f"A {adjective} {noun} in {place}", f"The {adjective} {noun} of {abstract}", f"{plural(noun)} of {abstract}"),
        *(f"{random.choice(words.FIRST_NAMES)} and the {noun} of {abstract}", f"Under the {adjective} {noun}"),
        *(f"What the {noun} Saw", f"The {noun} Who Loved {plural(other)}", f"Last {noun} to {place}", f"Dear {noun}!"),
    )
    return random.choice(patterns)


def japanese_title(random: Random) -> str:
    one, two, three = (random.choice(words.KANJI_WORDS) for _ in range(3))
    kana = random.choice(words.KANA_WORDS)
    patterns = (
        *(
            f"{one}の{two}",
            f"{one}と{two}の{three}",
            f"{kana}{one}",
            f"{one}{kana}の{two}",
            f"転生したら{kana}の{one}だった件",
        ),
        *(f"{one}に転生した私は{two}の{three}になりたくない", f"{kana}で{one}を育てる", f"{two}、{one}を知る"),
        *(
            f"{one}は{two}のように",
            f"{place_name(random)}の{one}",
            f"{one}と{two}と{three}と{kana}",
            f"{kana}・{random.choice(words.KANA_WORDS)}",
        ),
    )
    return random.choice(patterns)


def chinese_title(random: Random) -> str:
    one, two, three = (random.choice(words.CHINESE_WORDS) for _ in range(3))
    return random.choice(
        (f"{one}{two}", f"{one}与{two}", f"{one}{two}传", f"{one}之{two}{three}", f"{one}{two}：{three}")
    )


def korean_title(random: Random) -> str:
    one, two, three = (random.choice(words.KOREAN_WORDS) for _ in range(3))
    return random.choice(
        (f"{one}의 {two}", f"{one}와 {two}", f"{one} 속의 {two}", f"{one}의 {two} {three}", f"나 혼자 {one} {two}")
    )


def russian_title(random: Random) -> str:
    adjective, noun, other = (
        random.choice(words.RUSSIAN_ADJECTIVES),
        random.choice(words.RUSSIAN_WORDS),
        random.choice(words.RUSSIAN_WORDS),
    )
    genitive = random.choice(words.RUSSIAN_GENITIVES)
    patterns = (
        *(f"{adjective} {noun}", f"{noun.capitalize()} {genitive}", f"{noun.capitalize()} и {other}"),
        *(
            f"{adjective} {noun} {genitive}",
            f"{noun.capitalize()} {genitive} и {other} {random.choice(words.RUSSIAN_GENITIVES)}",
        ),
    )
    return random.choice(patterns)


def french_title(random: Random) -> str:
    noun, other = random.choice(words.FRENCH_NOUNS), random.choice(words.FRENCH_NOUNS)
    start = random.choice(words.FRENCH_STARTS)
    return random.choice((f"{start} {noun}", f"{noun[0].upper()}{noun[1:]} et {other}", f"{start} {noun} et {other}"))


def german_title(random: Random) -> str:
    start, end = random.choice(words.GERMAN_STARTS), random.choice(words.GERMAN_ENDS)
    return random.choice(
        (f"{start} {end}", f"{start} {end} von {place_name(random)}", f"{start} von {place_name(random)}")
    )


def spanish_title(random: Random) -> str:
    start, end = random.choice(words.SPANISH_STARTS), random.choice(words.SPANISH_ENDS)
    return random.choice((f"{start} {end}", f"¿{start} {end}?", f"{start} {end} de {place_name(random)}"))


def plural(noun: str) -> str:
    return f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeo" else f"{noun}s"


def place_name(random: Random) -> str:
    return random.choice(words.NAME_STARTS) + random.choice(words.NAME_ENDS)


TITLES: dict[str, Callable[[Random], str]] = {
    "en": english_title,
    "ja": japanese_title,
    "zh": chinese_title,
    "ko": korean_title,
    "ru": russian_title,
    "fr": french_title,
    "de": german_title,
    "es": spanish_title,
}
LANGUAGES = tuple(TITLES)
LANGUAGE_WEIGHTS = (66, 9, 4, 3, 6, 5, 4, 3)


# --- People


def western_name(random: Random) -> str:
    last = last_name(random)
    chance = random.random()
    first = random.choice(words.ACCENTED_FIRST_NAMES if chance < 0.12 else words.FIRST_NAMES)
    if chance > 0.9:
        return f"{first[0]}. {random.choice(words.FIRST_NAMES)[0]}. {last}"
    if chance > 0.8:
        return f"{first} {random.choice(words.FIRST_NAMES)[0]}. {last}"
    return f"{first} {last}"


def last_name(random: Random) -> str:
    return random.choice(words.NAME_STARTS) + random.choice(words.NAME_ENDS)


PEOPLE: dict[str, Callable[[Random], str]] = {
    "ja": lambda random: random.choice(words.JAPANESE_NAMES) + random.choice(words.JAPANESE_FIRST_NAMES),
    "zh": lambda random: random.choice(words.CHINESE_NAMES),
    "ko": lambda random: random.choice(words.KOREAN_NAMES),
    "ru": lambda random: f"{random.choice(words.RUSSIAN_FIRST_NAMES)} {random.choice(words.RUSSIAN_NAMES)}",
}


# --- Shelves: how people lay their files in folders, without suffix


Shelf = Callable[[Draft], tuple[str, ...]]


def author_of(draft: Draft) -> str:
    return draft.authors[0] if draft.authors else "Unknown"


def by_author_and_series(draft: Draft) -> tuple[str, ...]:
    if not draft.series or draft.series_index is None:
        return author_of(draft), draft.title
    return author_of(draft), draft.series, f"{volume_number(draft.series_index).zfill(2)} - {draft.title}"


def by_series(draft: Draft) -> tuple[str, ...]:
    if not draft.series or draft.series_index is None:
        return "Single books", f"{draft.title} - {author_of(draft)}"
    volume = volume_number(draft.series_index).zfill(2)
    if draft.is_comic:
        return "Comics", draft.series, f"{draft.series} v{volume} (Digital)"
    return "Series", draft.series, f"{draft.series} v{volume} - {draft.title}"


def by_author_and_title(draft: Draft) -> tuple[str, ...]:
    return author_of(draft), draft.title, f"{draft.title} - {author_of(draft)}"


def by_first_letter(draft: Draft) -> tuple[str, ...]:
    return "Downloads", draft.title[0].upper(), f"{author_of(draft)} - {draft.title}"


def in_a_heap(draft: Draft) -> tuple[str, ...]:
    volume = f" {volume_number(draft.series_index)}" if draft.series and draft.series_index is not None else ""
    return "Inbox", f"{author_of(draft)} - {draft.series}{volume} - {draft.title}" if volume else draft.title


SHELVES: tuple[Shelf, ...] = (
    *(by_author_and_series, by_author_and_series, by_series, by_series, by_author_and_title, by_first_letter),
    in_a_heap,
)


def isbn_of(number: int) -> str:
    """One of the ISBNs, in the order in which publishers will never hand them out."""
    digits = f"979{number * 7919 % 10**9:09}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"
