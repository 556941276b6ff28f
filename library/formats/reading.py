"""Reading a book of any format. Runs in a process of its own, see `library.parsing`: the file may be hostile."""

from dataclasses import replace
from importlib import import_module
from pathlib import Path

from library.formats.metadata import Metadata
from library.formats.sidecar import completed_by_sidecar
from library.formats.signatures import check_content

# Loaded when the first file of that format comes, for what they load in turn is large.
READERS = {
    "epub": ("library.formats.epub", "read_epub"),
    "kepub.epub": ("library.formats.epub", "read_epub"),
    "cbz": ("library.formats.comics", "read_comic"),
    "cbr": ("library.formats.comics", "read_comic"),
    "pdf": ("library.formats.pdf", "read_pdf"),
    "mobi": ("library.formats.kindle", "read_kindle"),
    "azw3": ("library.formats.kindle", "read_kindle"),
}


def read_book(path: Path, format: str) -> Metadata:
    """What a book says about itself, and what a description beside it adds; NotAnEbook if it cannot be used."""
    check_content(path, format)
    module, name = READERS[format]
    metadata: Metadata = getattr(import_module(module), name)(path)
    metadata = completed_by_sidecar(path, metadata)
    if format == "pdf" and not metadata.language:
        language_shown = import_module(module).language_shown
        metadata = replace(metadata, language=language_shown(path, metadata.title))
    return metadata
