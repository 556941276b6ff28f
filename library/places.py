"""What the place of a file tells of its book where the file itself says nothing: its folders and its name."""

from dataclasses import dataclass

from library.models import BookType

# Folders that say what kind of books lies in them, as people name them.
FOLDERS_OF_TYPE = {
    BookType.MANGA: ("manga", "mangas", "manhwa", "manhua", "漫画", "マンガ"),
    BookType.LIGHT_NOVEL: ("light novel", "light novels", "lightnovel", "lightnovels", "ln", "lns", "ranobe"),
    BookType.COMIC: ("comic", "comics", "graphic novel", "graphic novels", "bd", "bandes dessinées", "tebeos"),
    BookType.BOOK: ("book", "books", "novel", "novels", "fiction", "non-fiction", "nonfiction"),
}
TYPE_OF_FOLDER = {name: type for type, names in FOLDERS_OF_TYPE.items() for name in names}


@dataclass(frozen=True)
class Place:
    """The series and volume that a file's name and folder show; empty where they show none."""

    series: str = ""
    index: float | None = None


def book_type_of_place(path: str) -> str:
    """The type that the folders on the way to a file name, the nearest first; empty where none does."""
    for folder in reversed(path.split("/")[:-1]):
        if type := TYPE_OF_FOLDER.get(folder.casefold().replace("_", " ").replace("-", " ").strip()):
            return str(type)
        if type := TYPE_OF_FOLDER.get(folder.casefold()):
            return str(type)
    return ""


def place_of(path: str) -> Place:
    return Place()
