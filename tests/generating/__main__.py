"""Writes a made-up library of real small files: `python -m tests.generating FOLDER --books 100000 [--seed N]`."""

import argparse
import sys
import time
from pathlib import Path

from tests.generating.books import SEED, describe_books
from tests.generating.files import write_library


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.generating", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--books", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=SEED)
    chosen = parser.parse_args()
    began_at = time.monotonic()
    files = write_library(chosen.folder, describe_books(chosen.books, chosen.seed))
    seconds = time.monotonic() - began_at
    sys.stdout.write(f"Wrote {files:,} files of {chosen.books:,} books in {seconds:.0f} s.\n")


if __name__ == "__main__":
    main()
