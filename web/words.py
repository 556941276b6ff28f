"""How pages call what the library knows under short names."""

from library.models import BookType

# Of many, and of one.
TYPES = {
    BookType.BOOK: "Books",
    BookType.LIGHT_NOVEL: "Light novels",
    BookType.MANGA: "Manga",
    BookType.COMIC: "Comics",
}
KINDS = {
    BookType.BOOK: "Book",
    BookType.LIGHT_NOVEL: "Light novel",
    BookType.MANGA: "Manga",
    BookType.COMIC: "Comic",
}
FORMATS = {
    "epub": "EPUB",
    "kepub.epub": "KEPUB",
    "cbz": "CBZ",
    "cbr": "CBR",
    "pdf": "PDF",
    "mobi": "MOBI",
    "azw3": "AZW3",
}
FORMAT_HINTS = {
    "epub": "The usual one for text",
    "kepub.epub": "EPUB as Kobo's own reader likes it",
    "cbz": "Pages of comics as images",
    "cbr": "Pages of comics, in an older kind of archive",
    "pdf": "Fixed pages, which do not fit themselves to the screen",
    "mobi": "Older Kindles",
    "azw3": "Kindles",
}
# MARC relator codes of those who had a part in a book beside its authors.
ROLES = {
    "art": "artist",
    "clr": "colourist",
    "com": "compiler",
    "edt": "editor",
    "ill": "illustrator",
    "nrt": "narrator",
    "pbl": "publisher",
    "trl": "translator",
}
# Where a session came from, and what speaks against one.
SOURCES = {
    "device": "A device",
    "web": "The web reader",
    "import": "KOReader’s statistics",
    "hand": "Added by hand",
}
FLAGS = {
    "before_time": "Not counted: it lies before there were e-readers, so the device had lost its clock.",
    "future": "Not counted: it ends in the future, so the device’s clock was ahead.",
    "ends_before_start": "Not counted: it ends before it starts.",
    "too_long": "Not counted: it is longer than 24 hours, or lies over more than a week.",
    "idle": "More than 6 hours without a page turn: only the first hours of it count.",
    "fast": "Faster than 3 seconds a page: its time counts, and only some of its pages.",
    "deleted": "Deleted: it counts nowhere, even if a device sends it again.",
}
