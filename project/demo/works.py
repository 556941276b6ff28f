"""The works of the demo's library: facts about well-known old books, and some series that nobody wrote.

Of the real ones there is no line of text in the demo, see `project.demo.prose`. Their pages are screens of an e-reader
with about 200 words each.
"""

from dataclasses import dataclass
from enum import StrEnum

# Everything of the demo lies below this folder of the library, apart from what else is there.
FOLDER = "Demo"


class Shelf(StrEnum):
    """The folders in it, by whose names a scan tells what kind of book lies in them."""

    NOVELS = "Novels"
    LIGHT_NOVELS = "Light Novels"
    MANGA = "Manga"


@dataclass(frozen=True)
class Work:
    """A book of the demo. `pages_an_hour` is how fast its reader gets on in it."""

    slug: str
    title: str
    author: str
    published: int
    pages: int
    pages_an_hour: float
    colour: str
    series: str = ""
    index: int = 0
    language: str = "en"
    shelf: Shelf = Shelf.NOVELS

    @property
    def is_comic(self) -> bool:
        return self.shelf == Shelf.MANGA

    @property
    def path(self) -> str:
        """Where its file lies, from the library folder on."""
        folder = f"{FOLDER}/{self.shelf}/{self.series}" if self.series else f"{FOLDER}/{self.shelf}"
        volume = f"{self.index} - " if self.series else ""
        return f"{folder}/{volume}{self.title}.{'cbz' if self.is_comic else 'epub'}"


def _series(
    name: str,
    author: str,
    colours: tuple[str, ...],
    volumes: tuple[tuple[str, str, int, int, float], ...],
    shelf: Shelf,
) -> list[Work]:
    return [
        Work(slug, title, author, published, pages, pace, colours[n % len(colours)], name, n + 1, shelf=shelf)
        for n, (slug, title, published, pages, pace) in enumerate(volumes)
    ]


ANNE = _series(
    "Anne of Green Gables",
    "L. M. Montgomery",
    ("#4f7d4a", "#7a9a4d", "#3f7f78", "#8a6d3b"),
    (
        ("anne-1", "Anne of Green Gables", 1908, 510, 52),
        ("anne-2", "Anne of Avonlea", 1909, 450, 54),
        ("anne-3", "Anne of the Island", 1915, 390, 53),
        ("anne-4", "Anne of Windy Poplars", 1936, 425, 50),
        ("anne-5", "Anne's House of Dreams", 1917, 400, 55),
        ("anne-6", "Anne of Ingleside", 1939, 485, 51),
        ("anne-7", "Rainbow Valley", 1919, 375, 52),
        ("anne-8", "Rilla of Ingleside", 1921, 500, 52),
    ),
    Shelf.NOVELS,
)
HOLMES = _series(
    "Sherlock Holmes",
    "Arthur Conan Doyle",
    ("#5b2333", "#34435e", "#6b4423", "#2f4b3c", "#4a3b5c"),
    (
        ("holmes-1", "A Study in Scarlet", 1887, 216, 48),
        ("holmes-2", "The Sign of the Four", 1890, 214, 50),
        ("holmes-3", "The Adventures of Sherlock Holmes", 1892, 522, 47),
        ("holmes-4", "The Memoirs of Sherlock Holmes", 1893, 436, 49),
        ("holmes-5", "The Hound of the Baskervilles", 1902, 296, 52),
    ),
    Shelf.NOVELS,
)
NEMO = _series(
    "Captain Nemo",
    "Jules Verne",
    ("#1f5a7a", "#123f5c", "#2a6f6a"),
    (
        ("nemo-1", "In Search of the Castaways", 1868, 700, 43),
        ("nemo-2", "Twenty Thousand Leagues Under the Seas", 1870, 690, 41),
        ("nemo-3", "The Mysterious Island", 1875, 970, 44),
    ),
    Shelf.NOVELS,
)
LANTERNS = _series(
    "The Lantern Post Office",
    "Hana Tsukimori",
    ("#c8553d", "#e09f3e", "#588b8b"),
    (
        ("lanterns-1", "Letters for the Night Ferry", 2019, 300, 58),
        ("lanterns-2", "A Stamp from the Far Shore", 2020, 320, 59),
        ("lanterns-3", "The Postmaster's Holiday", 2021, 310, 57),
    ),
    Shelf.LIGHT_NOVELS,
)
TEA_HOUSE = _series(
    "Tea House at the Terminus",
    "Ren Asagiri",
    ("#b5485d", "#3d5a80", "#6a994e", "#7b5ea7"),
    (
        ("tea-1", "Tea House at the Terminus 1", 2016, 184, 92),
        ("tea-2", "Tea House at the Terminus 2", 2017, 192, 95),
        ("tea-3", "Tea House at the Terminus 3", 2017, 176, 90),
        ("tea-4", "Tea House at the Terminus 4", 2018, 188, 96),
    ),
    Shelf.MANGA,
)
SINGLE = [
    Work("pride", "Pride and Prejudice", "Jane Austen", 1813, 610, 42, "#9c6b7a"),
    Work("frankenstein", "Frankenstein; or, The Modern Prometheus", "Mary Shelley", 1818, 374, 40, "#3b4a54"),
    Work("candide", "Candide", "Voltaire", 1759, 180, 36, "#a8763e", language="fr"),
    Work("walden", "Walden", "Henry David Thoreau", 1854, 574, 38, "#5f7f5f"),
    Work("moby", "Moby-Dick; or, The Whale", "Herman Melville", 1851, 1050, 40, "#27506b"),
    Work("middlemarch", "Middlemarch", "George Eliot", 1871, 1580, 37, "#74604a"),
    Work("effi", "Effi Briest", "Theodor Fontane", 1895, 510, 44, "#7c8aa5", language="de"),
    Work("dracula", "Dracula", "Bram Stoker", 1897, 802, 46, "#6a1b1b"),
    Work("worlds", "The War of the Worlds", "H. G. Wells", 1898, 302, 48, "#8c3f1f"),
    Work("verwandlung", "Die Verwandlung", "Franz Kafka", 1915, 96, 42, "#53533f", language="de"),
]
WORKS = [*ANNE, *HOLMES, *NEMO, *SINGLE, *LANTERNS, *TEA_HOUSE]
BY_SLUG = {work.slug: work for work in WORKS}
