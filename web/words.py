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
