"""What the place of a file tells of its book where the file itself says nothing: its folders and its name."""

from dataclasses import dataclass

from library.models import BookType
from matching.shelving import series_of_file

# Folders that say what kind of books lies in them, as people name them.
FOLDERS_OF_TYPE = {
    BookType.MANGA: ("manga", "mangas", "manhwa", "manhua", "漫画", "マンガ"),
    BookType.LIGHT_NOVEL: ("light novel", "light novels", "light-novels", "lightnovels", "ln", "lns", "ranobe"),
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
    return next(filter(None, map(type_of_folder, reversed(path.split("/")[:-1]))), "")


def type_of_folder(name: str) -> str:
    return str(TYPE_OF_FOLDER.get(name.casefold().replace("_", " ").strip(), ""))


def place_of(path: str, *, is_comic: bool) -> Place:
    """What the last folder and the name show."""
    *folders, name = path.split("/")
    folder = folders[-1] if folders else ""
    return Place(*series_of_file(name, "" if type_of_folder(folder) else folder, is_comic=is_comic))
