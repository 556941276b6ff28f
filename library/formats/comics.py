"""What a comic says about itself: a ZIP or RAR archive of page images, often with a ComicInfo.xml.

ComicInfo is as its schema of version 2.1 states it, and as programs fill it: for volumes of manga many leave Number
empty and state Volume, for American comics Volume is often the year in which the run began.
"""

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any, Protocol

from library.errors import Encrypted, NotAnEbook
from library.formats.archives import Archive, leads_out, open_archive, shown
from library.formats.markup import defines_entities, find_all, local_name, parse_and_check
from library.formats.metadata import (
    CONTRIBUTORS_LIMIT,
    LANGUAGE_LENGTH,
    NAME_LENGTH,
    SUBJECTS_LIMIT,
    Contributor,
    Metadata,
    clean,
    clean_text,
    identifier_from,
    published_from,
    series_index_from,
)
from library.formats.signatures import IMAGE_SUFFIXES, RAR4, RAR5

COMICINFO = "comicinfo.xml"
COMICINFO_LIMIT = 4 * 1024 * 1024  # it lists the pages, too
COVER_LIMIT = 32 * 1024 * 1024
COVER_TRIES = 3
PAGE_PIXELS_LIMIT = 200_000_000  # browsers give up at about this size; a strip of a web comic has 20 million
PNG_PAGES_LIMIT = 1000
FIRST_START_YEAR = 1900  # a Volume from here on is the year in which a run began
# The schema's elements for people, as MARC relator codes.
ROLES = {
    **{"Writer": "aut", "Penciller": "art", "Inker": "ill", "Colorist": "clr", "Letterer": "ltr"},
    **{"CoverArtist": "cov", "Editor": "edt", "Translator": "trl"},
}


class Contents(Protocol):
    """An archive of either kind."""

    @property
    def names(self) -> Iterable[str]: ...

    def read(self, name: str, limit: int) -> bytes: ...


def read_comic(path: str | os.PathLike[str]) -> Metadata:
    """The metadata and first page of a CBZ or CBR, whichever its suffix says; NotAnEbook if it cannot be used."""
    with open_contents(path) as contents:
        pages = page_names(contents)
        info, warnings = info_of(contents, shown_names(contents))
        cover, unreadable = cover_of(contents, pages, info)
        return info.metadata(
            pages=len(pages), cover=cover, warnings=(*warnings, *unreadable, *warnings_about(contents, pages))
        )


def shown_names(contents: Contents) -> list[str]:
    return [name for name in contents.names if not is_hidden(name)]


def page_names(contents: Contents) -> list[str]:
    """The entries that are pages, in the order in which they are read; NotAnEbook if there is none."""
    images = (name for name in shown_names(contents) if PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES)
    if pages := sorted(images, key=natural):
        return pages
    raise NotAnEbook("This file is not a comic: there is no image in it.")


def warnings_about(contents: "Contents", pages: list[str]) -> Iterator[str]:
    """What is wrong with the archive although it can be read: sentences."""
    if outside := [name for name in contents.names if leads_out(name)]:
        yield f"Names in its archive lead out of it, {shown(outside[0])} for one."
    if isinstance(contents, Archive):  # in the other kind a page is found by unpacking those before it
        for name in pages[:PNG_PAGES_LIMIT]:
            if name.lower().endswith(".png") and png_pixels(contents.start_of(name, 24)) > PAGE_PIXELS_LIMIT:
                yield f"A page is too large to be shown, {shown(name)}."
                return


def png_pixels(start: bytes) -> int:
    """How many pixels a PNG claims to have. No other kind holds so many in so few bytes."""
    if not start.startswith(b"\x89PNG") or len(start) < 24:
        return 0
    return int.from_bytes(start[16:20], "big") * int.from_bytes(start[20:24], "big")


@contextmanager
def open_contents(path: str | os.PathLike[str]) -> Iterator[Contents]:
    with open(path, "rb") as file:
        is_rar = file.read(len(RAR5)).startswith((RAR4, RAR5))
    if not is_rar:
        with open_archive(path) as archive:
            yield archive
        return
    from library.formats.rar import open_rar  # loads a library that most comics do not need

    with open_rar(path) as rar:
        yield rar


def is_hidden(name: str) -> bool:
    """Is an entry one that a system put there for itself: `__MACOSX`, `.DS_Store`, `@eaDir`?"""
    return name.endswith("/") or any(part.startswith((".", "__MACOSX", "@eaDir")) for part in name.split("/"))


def natural(name: str) -> list[list[tuple[int, int, str]]]:
    """Orders page 2 before page 10, folder by folder. No number is converted: it may have a million digits."""
    return [
        [
            (0, len(run.lstrip("0")), run.lstrip("0")) if run.isdigit() else (1, 0, run)
            for run in re.findall(r"[0-9]+|[^0-9]+", part)
        ]
        for part in name.casefold().split("/")
    ]


def info_of(contents: Contents, names: list[str]) -> tuple["ComicInfo", tuple[str, ...]]:
    """What ComicInfo.xml states, empty without one, and what is wrong with it."""
    name = name_of_info(names)
    if name is None:
        return ComicInfo(None), ()
    try:
        content = contents.read(name, COMICINFO_LIMIT)
    except Encrypted:
        raise
    except NotAnEbook:
        content = b""
    root, is_whole = parse_and_check(content)
    if root is None:
        return ComicInfo(None), ("Its ComicInfo.xml cannot be read.",)
    found = (
        (not is_whole, "Its ComicInfo.xml is damaged; it was read as far as that goes."),
        (defines_entities(content), "Its ComicInfo.xml uses entities, which were left out."),
    )
    return ComicInfo(root), tuple(sentence for holds, sentence in found if holds)


def name_of_info(names: Iterable[str]) -> str | None:
    """The one at the root, in whatever case, else the only one that lies one folder deep."""
    found = [name for name in names if PurePosixPath(name).name.lower() == COMICINFO]
    at_root = [name for name in found if "/" not in name]
    in_folder = [name for name in found if name.count("/") == 1]
    if at_root:
        return at_root[0]
    return in_folder[0] if len(in_folder) == 1 else None


class ComicInfo:
    """A ComicInfo.xml; all of it says nothing where there is none."""

    def __init__(self, root: Any | None) -> None:
        self._root = root
        self._stated: dict[str, str] = {}
        for element in root if root is not None else ():
            if text := clean_text(element.text):
                self._stated.setdefault(local_name(element), text)

    def text(self, name: str, limit: int = NAME_LENGTH) -> str:
        return clean(self._stated.get(name), limit)

    def number(self, name: str) -> int | None:
        """A whole number that is known: -1 says that it is not."""
        text = self.text(name)
        return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None

    def names(self, *elements: str) -> Iterator[str]:
        """The parts of lists that are separated by commas."""
        return filter(None, (clean(part, NAME_LENGTH) for element in elements for part in self.list_of(element)))

    def list_of(self, element: str) -> list[str]:
        return self._stated.get(element, "").replace("\n", ",").split(",")

    def metadata(self, *, pages: int, cover: bytes | None, warnings: tuple[str, ...]) -> Metadata:
        subjects = tuple(dict.fromkeys(self.names("Genre", "Tags")))[:SUBJECTS_LIMIT]
        gtin = identifier_from("gtin", self.text("GTIN"))
        return Metadata(
            title=self.title,
            contributors=self.contributors,
            language=self.text("LanguageISO", LANGUAGE_LENGTH),
            description=clean_text(self._stated.get("Summary")),
            publisher=self.text("Publisher"),
            published=self.published,
            identifiers=(gtin,) if gtin else (),
            subjects=subjects,
            series=self.series,
            series_index=self.series_index,
            book_type=self.book_type(subjects),
            reading_direction="rtl" if self.text("Manga").lower() == "yesandrighttoleft" else "",
            pages=pages,
            warnings=warnings,
            cover=cover,
        )

    @property
    def volume(self) -> int | None:
        return self.number("Volume")

    @property
    def title(self) -> str:
        """Its own, else what readers call an issue or volume that has none: "Batman #50", "Berserk, Volume 3"."""
        series, number = self.text("Series"), self.text("Number")
        if title := clean(self._stated.get("Title")):
            return title
        if series and number:
            number = re.sub("^0+(?=[0-9])", "", number)
            return clean(f"{series} #{number}" if number[0].isdecimal() else f"{series} {number}")
        if series and self.volume and self.volume < FIRST_START_YEAR:
            return clean(f"{series}, Volume {self.volume}")
        return ""

    @property
    def series(self) -> str:
        """With the year in which the run began, where one is stated: two runs of one name are two series."""
        series = self.text("Series")
        if not series or self.volume is None or self.volume < FIRST_START_YEAR:
            return series
        suffix = f" ({self.volume})"
        return series if suffix.strip() in series else clean(series, NAME_LENGTH - len(suffix)) + suffix

    @property
    def series_index(self) -> float | None:
        """The issue's number; where none is stated, that of the volume. "Annual 1" is none."""
        if number := self.text("Number"):
            return index_from(number)
        return float(self.volume) if self.volume is not None and self.volume < FIRST_START_YEAR else None

    @property
    def contributors(self) -> tuple[Contributor, ...]:
        found = (Contributor(name, role) for element, role in ROLES.items() for name in self.names(element))
        return tuple(dict.fromkeys(found))[:CONTRIBUTORS_LIMIT]

    @property
    def published(self) -> str:
        """As far as it is a date that exists."""
        year, month, day = self.number("Year") or 0, self.number("Month") or 0, self.number("Day") or 0
        tries = (f"{year:04d}-{month:02d}-{day:02d}", f"{year:04d}-{month:02d}", f"{year:04d}")
        return next(filter(None, map(published_from, tries)), "")

    def book_type(self, subjects: Iterable[str]) -> str:
        stated = self.text("Manga").lower()
        words = {word.casefold() for word in (*subjects, self.text("Format"))}
        if stated in ("yes", "yesandrighttoleft") or "manga" in words:
            return "manga"
        return "comic" if stated == "no" else ""

    def front_cover(self) -> int | None:
        """Which of the pages, counted from zero, is marked as the cover."""
        for page in find_all(self._root, "Page") if self._root is not None else ():
            image = page.get("Image", "")
            if page.get("Type") == "FrontCover" and image.isascii() and image.isdigit() and len(image) < 9:
                return int(image)
        return None


def index_from(text: str) -> float | None:
    """`7`, `1.5`, and the half that a few issues are: `½`, `1½`."""
    whole, last = text[:-1].strip(), text[-1:]
    if last and unicodedata.category(last) == "No" and 0 < (fraction := unicodedata.numeric(last)) < 1:
        before = series_index_from(whole) if whole else 0.0
        return None if before is None else before + fraction
    return series_index_from(text)


def cover_of(contents: Contents, pages: list[str], info: ComicInfo) -> tuple[bytes, tuple[str, ...]]:
    """The page that is marked as the cover, else the first; where it is damaged, one of the next few and a warning."""
    marked = info.front_cover()
    tries = [*([pages[marked]] if marked is not None and marked < len(pages) else []), *pages[:COVER_TRIES]]
    reason = NotAnEbook("This file is damaged: its pages are empty.")
    for name in dict.fromkeys(tries):
        try:
            if image := contents.read(name, COVER_LIMIT):
                return image, () if name == tries[0] else ("Its first page cannot be read.",)
        except Encrypted:
            raise
        except NotAnEbook as error:
            reason = error
    raise reason
