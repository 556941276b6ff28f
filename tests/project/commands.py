"""`tome` called as the console script calls it, in the test's own process; the fixture `tome` does it."""

from collections.abc import Callable
from typing import NamedTuple


class Ended(NamedTuple):
    status: int
    out: str
    err: str


Tome = Callable[..., Ended]
