"""The lock files hold exact versions with hashes, the same ones for running and for development, and no address."""

import re
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

LOCKS = sorted((REPOSITORY / "requirements").glob("*.txt"))
REQUIREMENT = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[\w,-]+\])?==(\S+)(?: ; (.+?))? \\$")


def requirements(text: str) -> dict[tuple[str, str], tuple[str, int]]:
    """Name and marker of each requirement, with its version and how many hashes it has."""
    found: dict[tuple[str, str], tuple[str, int]] = {}
    current = ("", "")
    for line in text.splitlines():
        if match := REQUIREMENT.match(line):
            current = (match[1], match[3] or "")
            found[current] = (match[2], 0)
        elif re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line):
            version, hashes = found[current]
            found[current] = (version, hashes + 1)
        else:
            assert line.lstrip().startswith("#"), f"what is this line? {line}"
    return found


def test_there_is_one_for_running_and_one_for_development() -> None:
    assert {"run.txt", "dev.txt"} <= {lock.name for lock in LOCKS}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_each_requirement_has_one_version_and_hashes(lock: Path) -> None:
    found = requirements(lock.read_text(encoding="utf-8"))
    assert found
    assert [name for (name, _), (_, hashes) in found.items() if not hashes] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_it_names_no_address(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    assert re.findall(r"^\s*(?:-i|-f|--(?:extra-)?index-url|--find-links|--trusted-host)\b", text, re.MULTILINE) == []


def test_what_runs_is_what_was_tested() -> None:
    run, dev = (requirements((REPOSITORY / "requirements" / name).read_text()) for name in ("run.txt", "dev.txt"))
    assert {key: version for key, (version, _) in run.items()} == {
        key: version for key, (version, _) in dev.items() if key in run
    }
