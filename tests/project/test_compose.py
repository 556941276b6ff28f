"""compose.yaml: that it is one, and that its commands run together, as local processes in place of containers."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import yaml

from project.broker import worker_name
from tests.books import make_epub
from tests.children import ends_with_us
from tests.folders import owned_folder
from tests.nodes import RedisNode, environment_for, free_port, tome
from tests.postgres import PostgresServer
from tests.waiting import wait_until

REPOSITORY = Path(__file__).resolve().parent.parent.parent
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
GIVEN = {"POSTGRES_PASSWORD": "apassword", "TOME_SECRET_KEY": "a secret for this test"}
SERVED_BY_TESTS = ("db", "redis")  # other people's images


def interpolated(content: Any, variables: Mapping[str, str]) -> Any:
    """As compose does it, in every text of the file: `${NAME}`, `${NAME:-default}` and `${NAME:?what is wrong}`."""
    if isinstance(content, dict):
        return {key: interpolated(value, variables) for key, value in content.items()}
    if isinstance(content, list):
        return [interpolated(value, variables) for value in content]
    if not isinstance(content, str):
        return content

    def value(found: re.Match[str]) -> str:
        name, kind, rest = found.groups()
        if variables.get(name):
            return variables[name]
        assert kind != "?", f"{name} has to be given"
        return rest or ""

    return VARIABLE.sub(value, content)


def composition() -> Any:
    return yaml.safe_load((REPOSITORY / "compose.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def composed() -> dict[str, Any]:
    return dict(interpolated(composition(), GIVEN))


@pytest.mark.corpus
def test_it_is_a_compose_file() -> None:
    schema = REPOSITORY.parent / "shared" / "schemas" / "compose-spec.json"
    if not schema.is_file():
        pytest.skip("the compose schema is not beside the checkout")
    jsonschema.Draft7Validator(json.loads(schema.read_text())).validate(composition())


def test_it_refuses_to_come_up_without_a_password_for_the_database() -> None:
    with pytest.raises(AssertionError, match="POSTGRES_PASSWORD has to be given"):
        interpolated(composition(), {"TOME_SECRET_KEY": "x"})


def test_every_service_that_stays_has_a_health_check(composed: dict[str, Any]) -> None:
    assert [name for name, made in composed["services"].items() if "healthcheck" not in made] == ["migrate"]


def test_everything_waits_for_the_migration_and_that_for_the_database(composed: dict[str, Any]) -> None:
    services = composed["services"]
    assert services["migrate"]["depends_on"] == {"db": {"condition": "service_healthy"}}
    for name in services.keys() - {"migrate", *SERVED_BY_TESTS}:
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_no_secret_of_the_server_stands_in_an_environment(composed: dict[str, Any]) -> None:
    for service in composed["services"].values():
        assert GIVEN["TOME_SECRET_KEY"] not in json.dumps(service)


def test_the_dockerfile_passes_its_linter() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    checked = subprocess.run([hadolint, REPOSITORY / "Dockerfile"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def test_the_image_holds_every_package_and_what_it_is_built_from() -> None:
    import tomllib

    wanted = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    packages = wanted["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    let_in = {line[1:] for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    built_with = {"pyproject.toml", "hatch_build.py", "package.json", "package-lock.json", ".npmrc"}
    assert let_in == {*packages, *built_with, "README.md", "LICENSE", "requirements/run.txt"}


class Containers:
    """The services of compose.yaml as processes: same command, same environment, other addresses and folders."""

    def __init__(self, services: dict[str, Any], folder: Path, database_url: str, redis_url: str) -> None:
        self.services = services
        self.folder = folder
        self.web_port = free_port()
        (folder / "data").mkdir()
        (folder / "library").mkdir()
        (folder / "secret").write_text(GIVEN["TOME_SECRET_KEY"])
        self._places = {
            f"postgresql://tome:{GIVEN['POSTGRES_PASSWORD']}@db:5432/tome": database_url,
            "redis://redis:6379/0": redis_url,
            "/run/secrets/tome_secret_key": str(folder / "secret"),
            "/data": str(folder / "data"),
            "/library": str(folder / "library"),
            "0.0.0.0": "127.0.0.1",
            "8080": str(self.web_port),
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def here(self, text: str) -> str:
        """A part of a command or an environment, with what is elsewhere in a container put where it is here."""
        return re.sub("|".join(map(re.escape, self._places)), lambda found: self._places[found[0]], text)

    def environment(self, name: str) -> dict[str, str]:
        made = {key: self.here(str(value)) for key, value in self.services[name]["environment"].items()}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # the image's `python` and `tome`
        ours = environment_for(self.folder / "data", **made)
        ours.pop("TOME_SERVICE")  # nothing but what the container would have
        return ours | {"PATH": path}

    def start(self, name: str) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                tome(*self.services[name]["command"]),  # the image's entry point
                env=self.environment(name),
                cwd=self.folder / "data",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=ends_with_us(signal.SIGTERM),
            )

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def is_healthy(self, name: str) -> bool:
        """What the service's own health check says."""
        assert self.processes[name].poll() is None, self.log(name)
        kind, *words = self.services[name]["healthcheck"]["test"]
        command = [self.here(word) for word in words]
        checked = subprocess.run(
            command if kind == "CMD" else ["/bin/sh", "-c", *command],
            env=self.environment(name),
            cwd=self.folder / "data",
            capture_output=True,
        )
        return checked.returncode == 0

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture(scope="module")
def containers(composed: dict[str, Any], postgres: PostgresServer) -> Iterator[Containers]:
    with ExitStack() as stack:
        folder = stack.enter_context(owned_folder("tome-compose-"))
        database_url = stack.enter_context(postgres.database())
        redis = RedisNode(folder, environment_for(folder))
        stack.callback(redis.teardown)
        redis.start()
        redis.ready()
        made = Containers(composed["services"], folder, database_url, redis.url)
        stack.callback(made.stop)
        made.start("migrate")
        assert made.processes.pop("migrate").wait(120) == 0, made.log("migrate")
        for name in composed["services"].keys() - {"migrate", *SERVED_BY_TESTS}:
            made.start(name)
        yield made


@pytest.mark.faults
@pytest.mark.parametrize("name", ["web", "worker-sync", "worker-library", "beat", "watch"])
def test_each_service_becomes_healthy_by_its_own_check(containers: Containers, name: str) -> None:
    # Beat notes what it sent when it starts, then every three minutes.
    wait_until(lambda: containers.is_healthy(name), what=f"{name} to be healthy", seconds=60, every=0.3)


@pytest.mark.faults
def test_the_services_work_together(containers: Containers) -> None:
    """A book goes from the folder through web's database and both queues, and everybody sees it."""
    environment = containers.environment("web")
    make_epub(containers.folder / "library" / "A Study in Scarlet.epub", title="A Study in Scarlet")
    scan = subprocess.run(tome("scan", "--wait"), env=environment, capture_output=True, text=True, timeout=60)
    assert scan.stdout.startswith("1 seen, 1 imported, 0 failed."), scan.stderr
    user = subprocess.run(tome("user", "create", "ada"), env=environment, capture_output=True, stdin=subprocess.DEVNULL)
    assert user.returncode == 0
    key = subprocess.check_output(tome("key", "create", "--user", "ada"), env=environment, text=True).strip()
    found = httpx.get(
        f"http://127.0.0.1:{containers.web_port}/api/tome-sync/resolve?filename=A Study in Scarlet.epub",
        headers={"authorization": f"Bearer {key}"},
    )
    assert found.json()["title"] == "A Study in Scarlet"


@pytest.mark.faults
def test_a_service_is_the_first_process_of_its_container(containers: Containers) -> None:
    """A container's stop reaches the program itself: nothing in between would have to pass the signal on."""
    for name, sign in (("worker-sync", worker_name("sync")), ("web", "Listening at")):
        assert sign in containers.log(name)
        process = containers.processes[name]
        process.terminate()
        assert process.wait(20) == 0
        containers.start(name)
