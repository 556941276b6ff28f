"""Whether the authors that a document states are those of a book."""

import re
from collections.abc import Iterable

from matching.evidence import Candidate, Clue
from matching.names import author_key
from matching.vocabulary import NO_AUTHORS


def author_keys(stated: Iterable[str]) -> list[frozenset[str]]:
    """The persons that these texts name. Some hold several; a comma may invert a name or list two: both are tried."""
    keys: list[frozenset[str]] = []
    for text in stated:
        for name in re.split(r"[\n&;]", text):
            keys += [author_key(name), *map(author_key, name.split(","))]
    return [key for key in keys if key and not is_nobody(key)]


def is_nobody(key: frozenset[str]) -> bool:
    """`Unknown`, `Various Authors`: what programs write where they know no author."""
    return any(key == frozenset(words) for word in key for words in NO_AUTHORS.get(word, ()))


def shares_author(clue: Clue, candidate: Candidate) -> bool:
    if not clue.authors or not candidate.authors:
        return False
    known = [author_key(name) for name in candidate.authors]
    return any(same_person(stated, name) for stated in author_keys(clue.authors) for name in known)


def same_person(one: frozenset[str], other: frozenset[str]) -> bool:
    """Equal names in any order; where one side has more, the other's must all be among them, initials included."""
    if one == other:
        return bool(one)
    fewer, more = sorted((one, other), key=len)
    if len(fewer) < 2 or not any(len(name) > 1 for name in one & other):
        return False  # a surname alone, or initials alone, are many people

    def fits(name: str, against: str) -> bool:
        return name == against or (1 in (len(name), len(against)) and name[0] == against[0])

    return all(any(fits(name, against) for against in more) for name in fewer)


def has_other_authors(clue: Clue, candidate: Candidate) -> bool:
    """Are authors known of both, in scripts that can be compared, and nobody is among both?"""
    if not clue.authors or not candidate.authors:
        return False
    stated, known = author_keys(clue.authors), author_keys(candidate.authors)
    if not any(is_latin(one) == is_latin(other) for one in stated for other in known):
        return False
    return not shares_author(clue, candidate)


def is_latin(key: frozenset[str]) -> bool:
    return all(name.isascii() for name in key)
