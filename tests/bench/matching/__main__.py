"""Prints the score of `tests.bench.matching`, and each error."""

import sys

from tests.bench.matching import Error, report


def line(error: Error) -> str:
    expected = "none" if error.case.expected is None else str(error.case.expected)
    answered = "none" if error.answered is None else str(error.answered)
    return f"  {expected:>5} {answered:>8}  {error.case.category:<12} {error.case.clue.filename}"


def main() -> None:
    score = report()
    say = sys.stdout.write
    say("   names  matches  right  wrong  missed  precision  recall   score\n")
    say(f"{score.names:>8} {score.matches:>8} {score.right:>6} {len(score.wrong):>6} {len(score.missed):>7}")
    say(f" {score.precision:>10.4f} {score.recall:>7.4f} {score.weighted:>7.4f}\n")
    for title, errors in (("Wrong", score.wrong), ("Missed", score.missed)):
        if errors:
            say(f"\n{title}:\n  means answered  category     name\n")
            say("".join(f"{line(error)}\n" for error in errors))


if __name__ == "__main__":
    main()
