import logging
import os
import sys
from collections.abc import Iterator

import pytest

from tests.nodes import Cluster, running_cluster


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A service of real processes, shared by a module's tests, on the kind of database that the run is about."""
    on_postgres = os.environ["TOME_TEST_DATABASE"] == "postgres"
    with running_cluster(request.getfixturevalue("postgres") if on_postgres else None) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def _shown_where_it_fails(cluster: Cluster) -> Iterator[None]:
    """pytest shows what was printed only for a test that failed: then what the processes wrote is wanted."""
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for each of thousands of requests otherwise
    yield
    sys.stdout.write(cluster.logs(last_lines=60))
