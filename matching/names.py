"""Keys under which names and titles are equal although they were written differently. Rule 6 of recognising."""

import re
import unicodedata

KEY_LENGTH = 600  # in bytes at most 2,400; PostgreSQL indexes no more than 2,704

# Longest first, so that `kepub.epub` is taken off whole.
SUFFIXES = (
    *("kepub.epub", "fb2.zip", "epub", "azw3", "mobi", "cbz", "cbr", "cb7", "cbt", "pdf", "azw", "azw4", "fb2", "djvu"),
    *(
        "txt",
        "kepub",
        "kfx",
        "prc",
        "pdb",
        "lit",
        "chm",
        "xps",
        "rtf",
        "doc",
        "docx",
        "odt",
        "html",
        "htm",
        "zip",
        "rar",
    ),
)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # no database takes them; a device may send anything
# What is no book: sidecar folders of KOReader and downloads that are not finished.
NOT_BOOKS = (
    *(".sdr", ".part", ".partial", ".crdownload", ".tmp", ".temp", ".download", ".opdownload", ".filepart", ".aria2"),
    *(
        ".!ut",
        ".!qb",
        ".bc!",
        ".acsm",
        ".opf",
        ".nfo",
        ".lua",
        ".json",
        ".jpg",
        ".jpeg",
        ".png",
        ".webp",
        ".mp3",
        ".m4b",
    ),
)
# Articles that catalogues move behind the title: "Hobbit, The".
ARTICLES = frozenset(
    (
        *("the", "a", "an", "der", "die", "das", "ein", "eine", "de", "het", "een"),
        *("le", "la", "les", "l", "un", "une", "des", "el", "los", "las", "uno", "una"),
        *("il", "lo", "gli", "i", "o", "os", "as", "um", "uma"),
    )
)
_ELIDED_ARTICLE = re.compile(r"^\s*l['’]\s*(?=\w)", re.IGNORECASE)  # L'Étranger, L'isola
_MOVED_ARTICLE = re.compile(r"^(?P<title>.+),\s*(?P<article>[^\W\d_]{1,5})['’]?\s*$")


def base_name(name: str) -> str:
    """The last part of a path, whichever way its slashes lean."""
    return re.split(r"[/\\]", name.rstrip("/\\"))[-1]


def file_name_key(name: str) -> str:
    """The key under which two base names are the same file name: NFC and case-folded, nothing else."""
    name = _UNSTORABLE.sub("\ufffd", base_name(name))
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())[:KEY_LENGTH]


def is_book_name(name: str) -> bool:
    name = base_name(name).casefold()
    # In front `._`: what macOS keeps beside a file on foreign disks.
    return not name.endswith(NOT_BOOKS) and not name.startswith("._")


def stem(name: str) -> str:
    """The base name without the suffix of a known format."""
    name = base_name(name)
    lowered = name.lower()
    for suffix in SUFFIXES:
        if lowered.endswith("." + suffix):
            return name[: -len(suffix) - 1]
    return name


def title_key(title: str) -> str:
    """The key under which two titles are equal; empty where no letter and no digit is left.

    Case, accents, width, punctuation, an article in front or moved to the end, and the characters that devices put in
    the place of others do not count. `title_key` of a key is that key.
    """
    moved = _MOVED_ARTICLE.match(title.strip())
    if moved and moved["article"].casefold() in ARTICLES:
        title = moved["title"]
    title = _ELIDED_ARTICLE.sub("", title)
    words = folded_words(title)
    # One word is left in any case: "A", "The The" and "It" are titles.
    while len(words) > 1 and words[0] in ARTICLES:
        words = words[1:]
    return " ".join(words)[:KEY_LENGTH].rstrip()


SORT_KEY_LENGTH = 300
_NUMBER = re.compile(r"[0-9]{1,8}")


def sort_key(text: str) -> str:
    """The key by which a catalogue orders: words alone, numbers by their value up to 8 digits. Never empty."""
    words = " ".join(folded_words(text)) or unicodedata.normalize("NFKC", text).casefold().strip() or "~"
    return _NUMBER.sub(lambda number: number[0].zfill(8), words)[:SORT_KEY_LENGTH].rstrip()


def search_words(*texts: str) -> str:
    """What a search looks through for the words of `folded_words`: each once, a space around each."""
    return " " + " ".join(dict.fromkeys(word for text in texts for word in folded_words(text))) + " "


def folded_words(text: str) -> list[str]:
    """The words of a text without case, width and accents; what is neither letter, digit nor mark separates them."""
    letters: list[str] = []
    for character in unicodedata.normalize("NFKD", text.casefold()):
        if character in "'’ʼ`´":
            continue  # within a word: "Luffy's" is written "Luffys" as well
        kind = unicodedata.category(character)
        if kind.startswith("M"):
            # An accent on a Latin, Greek or Cyrillic letter does not count. Elsewhere marks are vowels or, in kana,
            # change the sound, and do.
            if kind == "Mn" and letters and has_accents(letters[-1]):
                continue
            letters.append(character)
        elif kind[0] in "LN":
            letters.append(character)
        elif kind != "Cf":  # zero-width characters and soft hyphens stand within words
            letters.append(" ")
    # Composed again, so that the marks that do count compare equal however they were written; and folded once more,
    # since NFKD can bring forth capitals.
    return unicodedata.normalize("NFC", "".join(letters)).casefold().split()


def has_accents(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith(("LATIN", "GREEK", "CYRILLIC"))


def author_key(name: str) -> frozenset[str]:
    """An author's names in no order, so that "Doyle, Arthur Conan" and "Arthur Conan Doyle" are the same person."""
    return frozenset(folded_words(name.replace(".", " ")))
