"""No file names a package registry or a place on somebody's machine: the source works wherever it lies."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import REPOSITORY

NOT_SOURCE = {".git", ".hypothesis", ".venv", "node_modules", "dist", "data", "vendor", "__pycache__"}

# Put together from pieces, or this file would be the first to hold them.
REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("npmmirror", "com"),
        ("docker", "io"),
        ("ghcr", "io"),
        ("quay", "io"),
        ("crates", "io"),
        ("proxy", "golang", "org"),
    )
]
HOMES = ["/" + folder + "/" for folder in ("root", "home", "Users", "work", "workspace")]
PLACES = re.compile(
    r"(?<![\w.$}~-])(?:" + "|".join(HOMES) + r")\w|" + "|".join(r"\b" + re.escape(host) + r"\b" for host in REGISTRIES)
)


def sources() -> Iterator[tuple[Path, str]]:
    for path in REPOSITORY.rglob("*"):
        inside = path.relative_to(REPOSITORY)
        if any(part in NOT_SOURCE or part.endswith("_cache") for part in inside.parts) or not path.is_file():
            continue
        try:
            yield inside, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # an image


def test_no_file_names_a_registry_or_a_place_on_a_machine() -> None:
    found = [
        f"{path}:{number}: {line.strip()}"
        for path, text in sources()
        for number, line in enumerate(text.splitlines(), 1)
        if PLACES.search(line)
    ]
    assert found == []


def test_the_pattern_finds_what_it_is_for() -> None:
    for registry in REGISTRIES:
        assert PLACES.search(f"index = https://{registry}/simple")
    for home in HOMES:
        assert PLACES.search(f'open("{home}ada/books")')
    assert not PLACES.search("https://example.org/home/page")
