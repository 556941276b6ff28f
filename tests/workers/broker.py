"""A broker by itself, for tests of what is sent to it."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.folders import owned_folder
from tests.nodes import RedisNode, environment_for


@contextmanager
def running_redis() -> Iterator[RedisNode]:
    """The bundled redis-server on a port of its own, empty."""
    with owned_folder("tome-redis-") as folder:
        node = RedisNode(folder, environment_for(folder))
        node.start()
        try:
            node.ready()
            yield node
        finally:
            node.teardown()
