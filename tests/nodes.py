"""pytest-celery nodes that wrap local processes instead of containers.

pytest-celery's own components are Docker containers; its nodes only ask their container to start, to be killed, to
show its log. `LocalProcess` answers the same for a process, so `ready`, `logs`, `kill`, `restart`, `wait_for_log` and
`teardown` of the nodes here are pytest-celery's. The processes run the commands that a server runs.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from pytest_celery import CeleryTestBroker, CeleryTestCluster, CeleryTestNode, CeleryTestWorker

from project import bundled_redis
from tests.children import ends_with_us
from tests.folders import owned_folder
from tests.postgres import PostgresServer
from tests.waiting import wait_until

REPOSITORY = Path(__file__).resolve().parent.parent
STOPS_WITHIN_SECONDS = 15
STARTS_WITHIN_SECONDS = 60  # the machine may be busy with other tests


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


class LocalProcess:
    """A process in the place of a container; it can be started again, each time with a log of its own."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        folder: Path,
        environment: Mapping[str, str],
        is_ready: Callable[["LocalProcess"], bool],
        celeryconfig: dict[str, Any] | None = None,
    ) -> None:
        self.name = self.id = name
        self.celeryconfig = celeryconfig or {}
        self._command = list(command)
        self._folder = folder
        self._environment = dict(environment)
        self._is_ready = is_ready
        self._starts = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    @property
    def status(self) -> str:
        """`created`, `running` or `exited`, as a container says it."""
        if self._process is None:
            return "created"
        return "running" if self._process.poll() is None else "exited"

    def start(self) -> None:
        assert self.status != "running", f"{self.name} runs already"
        self._starts += 1
        with self._log_file().open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,  # what it starts itself is found again at the end
                preexec_fn=ends_with_us(),
            )

    def ready(self) -> bool:
        def ready_or_dead() -> bool:
            assert self.status == "running", f"{self.name} ended before it was ready:\n{self.logs()}"
            return self._is_ready(self)

        wait_until(ready_or_dead, what=f"{self.name} to be ready", seconds=STARTS_WITHIN_SECONDS)
        return True

    def logs(self) -> str:
        """What it wrote since it was started last: an older `ready.` says nothing of this start."""
        return self._log_file().read_text(errors="replace") if self._starts else ""

    def _log_file(self) -> Path:
        return self._folder / f"{self.name}.{self._starts}.log"

    def kill(self, signal: str | int = signal.SIGKILL) -> None:
        """Send a signal to the process itself, not to its children; SIGKILL also waits for its end."""
        number = _signal(signal)
        assert self._process is not None
        self._process.send_signal(number)
        if number == _signal("SIGKILL"):
            self._process.wait()

    def restart(self, timeout: float = STOPS_WITHIN_SECONDS) -> None:
        self.stop(timeout)
        self.start()
        self.ready()

    def stop(self, timeout: float = STOPS_WITHIN_SECONDS) -> None:
        """SIGTERM, and SIGKILL for whatever of it is left after `timeout` seconds."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def teardown(self) -> None:
        self.stop()

    def reload(self) -> None:
        """A container object caches its state; `status` here looks each time."""

    def processes(self) -> list[psutil.Process]:
        """Those that it started, and those that they started."""
        return psutil.Process(self.pid).children(recursive=True)


def _signal(name: str | int) -> signal.Signals:
    return signal.Signals[name] if isinstance(name, str) else signal.Signals(name)


class _LocalNode:
    """What the nodes below share; `container` is theirs by pytest-celery's classes."""

    container: Any

    def start(self) -> None:
        self.container.start()

    def stop(self) -> None:
        self.container.stop()

    @property
    def pid(self) -> int:
        return int(self.container.pid)


class RedisNode(_LocalNode, CeleryTestBroker):
    """The bundled redis-server, listening on a port so that a test can also have that port refused.

    It keeps nothing on disk: killed and started again it is empty, as a Redis that lost its data.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.port = free_port()
        command = bundled_redis.command(folder / "redis.sock", folder)
        command[command.index("--port") + 1] = str(self.port)
        url = f"redis://127.0.0.1:{self.port}/0"
        config = {"url": url, "host_url": url}

        def answers(process: LocalProcess) -> bool:
            return bundled_redis.answers(folder / "redis.sock")

        process = LocalProcess(
            "redis", command, folder=folder, environment=environment, is_ready=answers, celeryconfig=config
        )
        super().__init__(process)

    @property
    def url(self) -> str:
        return str(self.config()["url"])


class WorkerNode(_LocalNode, CeleryTestWorker):
    """`tome worker` with one pool process."""

    def __init__(self, queues: str, folder: Path, environment: Mapping[str, str], name: str = "") -> None:
        process = LocalProcess(
            name or f"worker-{queues.replace(',', '-')}",
            tome("worker", "--queues", queues, "--concurrency", "1"),
            folder=folder,
            environment=environment,
            is_ready=lambda process: " ready." in process.logs(),
        )
        super().__init__(process, app=None)

    def pool_process(self) -> psutil.Process:
        """The process that runs the tasks."""
        children: list[psutil.Process] = wait_until(self.container.processes, what="the worker's pool")
        return children[0]


class WebNode(_LocalNode, CeleryTestNode):
    """`tome web`: granian's main process and one worker."""

    def __init__(self, folder: Path, environment: Mapping[str, str], name: str = "web") -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

        own = {"TOME_HOST": "127.0.0.1", "TOME_PORT": str(self.port)}
        process = LocalProcess(
            name,
            tome("web"),
            folder=folder,
            environment={**environment, **own},
            is_ready=lambda process: self.serves(),
        )
        super().__init__(process)

    def serves(self) -> bool:
        try:
            return httpx.get(f"{self.url}/api/health", timeout=5, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def serving_process(self) -> psutil.Process:
        """Granian's worker, which answers the requests."""
        children: list[psutil.Process] = wait_until(self.container.processes, what="granian's worker")
        return max(children, key=lambda child: child.memory_info().rss)  # the other one tracks shared memory


class BeatNode(_LocalNode, CeleryTestNode):
    """`tome beat`."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        def has_schedule(process: LocalProcess) -> bool:
            return any((Path(environment["TOME_DATA_DIR"]) / "run").glob("beat-schedule*"))

        super().__init__(
            LocalProcess("beat", tome("beat"), folder=folder, environment=environment, is_ready=has_schedule)
        )


def tome(*arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", "project", *arguments]


@dataclass
class Cluster:
    """A whole service of local processes on one data folder and one database."""

    folder: Path
    environment: dict[str, str]
    redis: RedisNode
    web: WebNode
    worker: WorkerNode
    beat: BeatNode
    nodes: list[CeleryTestNode] = field(default_factory=list)

    def add(self, node: Any) -> Any:
        """Start one more node and wait until it is ready; the cluster stops it at its end."""
        self.nodes.append(node)
        node.start()
        node.ready()
        return node

    def tome(self, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        """Run a `tome` command against this service."""
        return subprocess.run(
            tome(*arguments), env=self.environment, cwd=self.folder, input=stdin, capture_output=True, text=True
        )

    def ask(self, question: str, *arguments: object) -> Any:
        """Have a function of tests/faults/story.py run on the cluster's database; its answer."""
        command = [sys.executable, "-m", "tests.faults.story", question, *map(str, arguments)]
        done = subprocess.run(command, env=self.environment, cwd=REPOSITORY, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def logs(self, *, last_lines: int) -> str:
        """The end of what each process wrote."""
        ends = {node.name(): node.logs().splitlines(keepends=True)[-last_lines:] for node in self.nodes}
        return "".join(f"--- {name}\n{''.join(lines)}" for name, lines in ends.items())


def environment_for(data_dir: Path, **variables: str) -> dict[str, str]:
    """This process's environment with none of its own settings of Tome, and with those given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TOME_", "PYTEST_"))}
    # As `tome up` marks its children: they go when their parent does.
    return kept | {"TOME_DATA_DIR": str(data_dir), "TOME_SERVICE": str(data_dir), **variables}


@contextmanager
def running_cluster(postgres: PostgresServer | None = None) -> Iterator[Cluster]:
    """Redis, web, one worker for `sync` and beat, all ready, on SQLite or on a database of that server."""
    with ExitStack() as stack:
        folder = stack.enter_context(owned_folder("tome-cluster-"))
        data_dir = folder / "data"
        data_dir.mkdir()
        environment = environment_for(data_dir)
        if postgres is not None:
            environment["TOME_DATABASE_URL"] = stack.enter_context(postgres.database())
        redis = RedisNode(folder, environment)
        environment["TOME_REDIS_URL"] = redis.url
        cluster = Cluster(
            folder,
            environment,
            redis,
            WebNode(folder, environment),
            WorkerNode("sync", folder, environment),
            BeatNode(folder, environment),
        )
        migrated = cluster.tome("migrate")
        assert migrated.returncode == 0, migrated.stderr
        stack.callback(lambda: _stop(cluster.nodes))
        started: list[Any] = [redis, cluster.worker, cluster.web, cluster.beat]
        for node in started:
            node.start()
            cluster.nodes.append(node)
        CeleryTestCluster(*started)  # as pytest-celery knows it: refuses what is no node
        for node in started:
            node.ready()
        yield cluster


def _stop(nodes: Sequence[CeleryTestNode]) -> None:
    """All at once: a worker takes seconds to stop. The broker last, or the others would wait for it."""
    brokers = [node for node in nodes if isinstance(node, RedisNode)]
    others = [node for node in nodes if node not in brokers]
    for node in others:
        if node.container.status == "running":
            node.kill("SIGTERM")
    for node in [*others, *brokers]:
        node.teardown()
