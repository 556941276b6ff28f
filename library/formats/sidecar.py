"""What lies beside a book and describes it: calibre's `metadata.opf`, or a `Title.opf` of the book's own name.

It speaks where the file itself is silent. Its bytes are as hostile as the book's.
"""

import logging
import os
from dataclasses import fields, replace
from pathlib import Path

from library.errors import NotAnEbook
from library.formats import format_of, stem_of
from library.formats.epub import PACKAGE_LIMIT, interpret, parse, statements_of
from library.formats.metadata import Metadata

logger = logging.getLogger(__name__)

CALIBRE_NAME = "metadata.opf"
# What belongs to the file itself and no description beside it can know.
OWN = frozenset({"series_index", "pages", "characters", "warnings", "cover"})


def completed_by_sidecar(path: Path, metadata: Metadata) -> Metadata:
    """The metadata of the file at `path`, with what it lacks taken from the file beside it that describes it."""
    sidecar = sidecar_of(path)
    if sidecar is None:
        return metadata
    try:
        with open(sidecar, "rb") as file:
            content = file.read(PACKAGE_LIMIT + 1)
        if len(content) > PACKAGE_LIMIT:
            raise NotAnEbook("The description beside it is unreasonably large.")
        described = interpret(list(statements_of(parse(content))))
    except (NotAnEbook, OSError) as error:
        logger.info("A description beside a book cannot be read: %s", error)
        return replace(metadata, warnings=(*metadata.warnings, f"{sidecar.name} beside it cannot be read."))
    missing = {
        each.name: getattr(described, each.name)
        for each in fields(Metadata)
        if each.name not in OWN and not getattr(metadata, each.name) and getattr(described, each.name)
    }
    if "series" in missing:
        missing["series_index"] = described.series_index  # the two belong together
    if metadata.title and described.title and "series" in missing and described.title != metadata.title:
        # A description that was copied along with another book's file: a wrong volume is worse than none.
        missing = {}
    return replace(metadata, **missing)


def sidecar_of(path: Path) -> Path | None:
    """The description of this very book; calibre's counts only in a folder that holds one book."""
    own = path.with_name(stem_of(path.name) + ".opf")
    if own.is_file():
        return own
    calibre = path.with_name(CALIBRE_NAME)
    if not calibre.is_file():
        return None
    with os.scandir(path.parent) as listing:
        stems = {stem_of(entry.name) for entry in listing if format_of(entry.name) and not entry.name.startswith(".")}
    return calibre if len(stems) == 1 else None
