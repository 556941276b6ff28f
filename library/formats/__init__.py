# In the order in which they are told apart: a KEPUB's name ends like an EPUB's.
FORMATS = ("kepub.epub", "epub", "cbz", "cbr", "pdf", "mobi", "azw3")
PREFERENCE = ("epub", "kepub.epub", "cbz", "pdf", "mobi", "azw3", "cbr")  # which of a book's files is given first


def format_of(name: str) -> str | None:
    """The format that a file's name states: its suffix without the dot, or None where Tome holds no such files."""
    lowered = name.lower()
    for suffix in FORMATS:
        if lowered.endswith("." + suffix) and len(lowered) > len(suffix) + 1:
            return suffix
    return None


def stem_of(name: str) -> str:
    """The base name without its suffix; the double suffix of a KEPUB is one."""
    suffix = format_of(name)
    return name[: -len(suffix) - 1] if suffix else name
