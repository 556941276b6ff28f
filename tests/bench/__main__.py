"""Measures Tome and prints tables: `make bench` all of it, `python -m tests.bench scan resolve` the sections named.

`requests`: CPU that requests cost - `resolve`: recognising files in a small and a large library - `roundtrip`: own
names find their books - `browsing`: series, catalogues and KOSync in a library of 20,000 books - `scan`: the first scan
of real files and later ones - `matching`: how many of the collected messy names are recognised - `plugin`: what
KOReader's start and a page turn cost with the plugin - `stats`: statistics of a million sessions.
"""

import argparse
from pathlib import Path

from tests.bench import browsing, matching, plugin, requests, resolving, roundtrip, scanning, statistics
from tests.bench.matching.__main__ import main as matching_report
from tests.bench.serving import filled_service, say

ON_A_FILLED_SERVICE = {"requests": requests, "resolve": resolving, "roundtrip": roundtrip}
SECTIONS = ("matching", "plugin", *ON_A_FILLED_SERVICE, "browsing", "stats", "scan")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; all if none is named"
    )
    parser.add_argument("--books", type=int, default=100_000)
    parser.add_argument("--sessions", type=int, help="100,000 for `requests`, a million for `stats`")
    parser.add_argument("--days", type=int, default=3650, help="on which the sessions of `stats` lie")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep what `stats` was filled with here")
    chosen = parser.parse_args()
    sections = chosen.sections or SECTIONS
    if unknown := set(sections) - set(SECTIONS):
        parser.error(f"there is no section {', '.join(sorted(unknown))}")
    if "matching" in sections:
        heading("matching", matching.__doc__)
        matching_report()
    if "plugin" in sections:
        heading("plugin", plugin.__doc__)
        plugin.report()
    if wanted := [section for section in ON_A_FILLED_SERVICE if section in sections]:
        sessions = chosen.sessions or 100_000
        with filled_service(chosen.books, sessions if "requests" in wanted else 0) as filled:
            for section in wanted:
                module = ON_A_FILLED_SERVICE[section]
                heading(section, module.__doc__)
                module.report(filled)
    if "browsing" in sections:
        heading("browsing", browsing.__doc__)
        browsing.report()
    if "stats" in sections:
        heading("stats", statistics.__doc__)
        statistics.report(chosen.sessions or 1_000_000, chosen.days, chosen.keep)
    if "scan" in sections:
        heading("scan", scanning.__doc__)
        scanning.report(chosen.books)


def heading(section: str, text: str | None) -> None:
    say()
    say(f"== {section}: {(text or '').splitlines()[0]}")


if __name__ == "__main__":
    main()
