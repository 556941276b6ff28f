"""Places in a book's file: an xpointer of KOReader's reflowable engine, a page number, or an EPUB CFI.

They are told apart by their shape. A locator belongs to one file: in another file of the same book, even of the same
format, it may lead anywhere. KOReader jumps to page 1 for a locator that it does not know, and keeps that as the place.
"""

import re
from dataclasses import dataclass

from reading.models import LocatorKind

LONGEST_PROGRESS = 4000  # characters; the longest real xpointer seen has some 200

# /body/DocFragment[24]/body/h2/text().0, /FictionBook/body/pre[1]/text().0, and Komga's #_doc_fragment_24_
_XPOINTER = re.compile(r"(/body|/FictionBook)(\[\d+\])?(/.*)?|#_doc_fragment_\d+_?.*", re.DOTALL)
_PAGE = re.compile(r"\d{1,9}(\.0+)?")  # Lua may write a whole number as 12.0
_CFI = re.compile(r"epubcfi\(.+\)", re.DOTALL)


@dataclass(frozen=True)
class Locator:
    """`progress` as it was sent, and what kind it is; of no kind if its shape is none of those known."""

    progress: str
    kind: LocatorKind


def read_locator(progress: str | None) -> Locator:
    """Tell by its shape what a client sent. A page number comes back without a decimal part."""
    progress = (progress or "").strip()
    if len(progress) > LONGEST_PROGRESS:
        return Locator("", LocatorKind.NONE)
    if _PAGE.fullmatch(progress):
        return Locator(progress.split(".")[0], LocatorKind.PAGE)
    if _XPOINTER.fullmatch(progress):
        return Locator(progress, LocatorKind.XPOINTER)
    if _CFI.fullmatch(progress):
        return Locator(progress, LocatorKind.CFI)
    return Locator(progress, LocatorKind.NONE)
