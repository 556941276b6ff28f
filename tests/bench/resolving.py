"""What it takes to recognise a file by each kind of name, in a small library and in a large one, on both databases.

The names of the ratio are the same in both libraries, of the books that both have: what differs is how many others
there are. Milliseconds are CPU time on SQLite, and on PostgreSQL, which is another process, time that passes.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.bench import requests
from tests.bench.serving import Filled, program, quantile, reader_key, say
from tests.postgres import postgres_server
from tests.project.services import service

SMALL = 1000
NAMES = 1000  # of each kind, of the books that both libraries have; and as many of the others

Timings = dict[str, dict[str, Any]]


def report(large: Filled) -> None:
    size = len(large.books)
    with filled_database(SMALL, {}) as environment:
        small_ones = timings(environment, SMALL)
    print_timings("SQLite", small_ones, timings(large.tome.environment, size), size)
    with postgres_server() as server, server.database() as small_url, server.database() as large_url:
        with filled_database(SMALL, {"TOME_DATABASE_URL": small_url}) as environment:
            small_ones = timings(environment, SMALL)
        with filled_database(size, {"TOME_DATABASE_URL": large_url}) as environment:
            print_timings("PostgreSQL", small_ones, timings(environment, size), size)
    requests.print_costs(requests.yardstick(), requests.costs_of(large, requests.resolve_loads(size)))


@contextmanager
def filled_database(books: int, variables: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The environment of a service that is not started and has so many books."""
    with service(variables=variables) as tome:
        reader_key(tome)
        say(f"Making {books:,} books ...")
        program("filling", books, 0, environment=tome.environment)
        yield dict(tome.environment)


def timings(environment: Mapping[str, str], books: int) -> Timings:
    found: Timings = json.loads(program("inside", books, SMALL, NAMES, environment=environment))
    return found


def print_timings(database: str, small: Timings, large: Timings, size: int) -> None:
    say()
    say(f"{database}: ms for each of the same {NAMES:,} names, and for as many of other books")
    heads = (f"{SMALL:,}: p50", "p95", f"{size:,}: p50", "p95", "ratio of means", "others: p50", "p95", "max")
    say(f"{'by':12}" + "".join(f"{head:>16}" for head in heads) + "  became")
    for kind, of_small in small.items():
        few, many, others = of_small["ms"], large[kind]["ms"], large[kind]["others"]
        ratio = (sum(many) / len(many)) / (sum(few) / len(few))
        figures = [quantile(few, 0.5), quantile(few, 0.95), quantile(many, 0.5), quantile(many, 0.95), ratio]
        figures += [quantile(others, 0.5), quantile(others, 0.95), max(others)]
        methods = ", ".join(f"{count} {method}" for method, count in sorted(large[kind]["methods"].items()))
        say(f"{kind:12}" + "".join(f"{figure:16.2f}" for figure in figures) + f"  {methods}")
