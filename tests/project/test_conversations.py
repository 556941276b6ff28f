"""The conversations of tests/exchanges with a running server: its own web server, workers, database and library."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.exchanges.replaying import FILES, Told, make_library, names_of_readers, replay, variables_of
from tests.project.services import Service, service

pytestmark = pytest.mark.faults

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    with service() as made:
        made.start()
        make_library(made.data_dir / "library")
        scan = made.tome("scan", "--wait")
        assert scan.stdout.startswith("4 seen, 4 imported, 0 failed."), scan.stdout + scan.stderr
        yield made


def printed(tome: Service, *arguments: str, stdin: str = "") -> str:
    done = tome.tome(*arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def send_to_device(tome: Service, username: str, book_id: int) -> None:
    """As a reader does it: log in to the pages, open the book's, press the button."""
    with httpx.Client(base_url=tome.url, follow_redirects=True) as browser:

        def post(page: str, action: str, **fields: str) -> httpx.Response:
            [token] = set(re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', browser.get(page).text)) or [""]
            return browser.post(action, data={"csrfmiddlewaretoken": token, **fields}, headers={"Referer": tome.url})

        assert post("/login", "/login", username=username, password=PASSWORD).status_code == 200
        assert post(f"/books/{book_id}", "/inbox/send", book=str(book_id)).status_code == 200


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_conversation_goes_as_it_is_written(file: Path, running: Service) -> None:
    readers = names_of_readers(f"-{file.stem}")
    for name in readers.values():
        printed(running, "user", "create", name, "--password-stdin", stdin=PASSWORD + "\n")
    keys = {who: printed(running, "key", "create", "--user", name) for who, name in readers.items()}
    app_passwords = {who: printed(running, "app-password", "create", "--user", name) for who, name in readers.items()}
    with httpx.Client(base_url=running.url, timeout=30) as device:

        def send(method: str, path: str, headers: dict[str, str], body: bytes) -> Told:
            # The address as it is written: a client that sends `//` or a dot is to be answered for just that.
            answer = device.request(method, path, headers=headers, content=body)
            return Told(answer.status_code, answer.headers, answer.content)

        variables = variables_of(running.data_dir / "library", send, readers, keys, app_passwords)
        for book in json.loads(file.read_text()).get("inbox", []):
            send_to_device(running, readers["ada"], variables[book])
        replay(file, send, variables)
