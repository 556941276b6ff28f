"""What must be settled before Django's settings load: the variables that they read.

pytest-django loads the settings before any conftest.py, so this is a plugin of its own, named in `addopts`. Workers of
pytest-xdist inherit the environment and with it the database server.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.folders import owned_folder
from tests.postgres import postgres_server

DATABASES = ("sqlite", "postgres")


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    wanted = os.environ.get("TOME_TEST_DATABASE") or "sqlite"
    if wanted not in DATABASES:
        raise pytest.UsageError(f"TOME_TEST_DATABASE must be one of {', '.join(DATABASES)}, not {wanted!r}.")
    # Whoever runs the tests may have a service of their own; none of its settings may reach a test.
    for name in [name for name in os.environ if name.startswith("TOME_")]:
        del os.environ[name]
    os.environ["TOME_TEST_DATABASE"] = wanted

    stack = ExitStack()
    early_config.add_cleanup(stack.close)
    os.environ["TOME_DATA_DIR"] = str(stack.enter_context(owned_folder("tome-test-")))
    if wanted == "postgres":
        server = stack.enter_context(postgres_server())
        os.environ["TOME_DATABASE_URL"] = server.url("tome")
        os.environ["TOME_TEST_POSTGRES"] = str(server.folder)
    return (yield)
