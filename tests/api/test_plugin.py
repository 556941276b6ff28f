import io
import zipfile
from typing import Any

import pytest
from django.test import Client

from accounts.keys import plugin_key, revoke_key
from accounts.models import ApiKey, Reader
from koplugin.version import PLUGIN_VERSION
from tests.api.answers import detail_of, json_of, wrong_fields

PATH = "/api/tome-sync/plugin"
URL = "https://books.example.org"


def main_of(response: Any) -> str:
    assert response.status_code == 200, response.content
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert archive.namelist() == ["tomesync.koplugin/_meta.lua", "tomesync.koplugin/main.lua"]
        return archive.read("tomesync.koplugin/main.lua").decode()


def test_its_version_is_known_to_everybody(client: Client) -> None:
    assert json_of(client.get("/api/plugin/version")) == {"version": PLUGIN_VERSION}


def test_it_is_baked_with_the_callers_own_key(device_client: Client, ada_key: str) -> None:
    response = device_client.get(PATH, {"server_url": URL})
    main = main_of(response)
    assert ada_key in main
    assert f'"{URL}"' in main
    assert '"ada"' in main
    assert response.headers["Content-Type"] == "application/zip"
    assert response.headers["Content-Disposition"] == 'attachment; filename="tomesync.koplugin.zip"'


def test_a_key_made_for_the_plugin_stays_the_one_in_it(ada: Reader, client: Client) -> None:
    key = plugin_key(ada)
    response = client.get(PATH, {"server_url": URL}, headers={"authorization": f"bearer {key}"})
    assert key in main_of(response)
    assert revoke_key(ada, ApiKey.objects.get().pk)
    detail_of(client.get(PATH, headers={"authorization": f"Bearer {key}"}), 401)


def test_the_address_is_the_one_that_was_asked_unless_another_is_named(device_client: Client, settings: Any) -> None:
    assert '"http://testserver"' in main_of(device_client.get(PATH))
    settings.PUBLIC_URL = "https://public.example.org/tome"
    assert '"https://public.example.org/tome"' in main_of(device_client.get(PATH))
    assert f'"{URL}"' in main_of(device_client.get(PATH, {"server_url": URL + "/"}))


def test_building_it_twice_gives_the_same_bytes_and_etag(device_client: Client) -> None:
    first, again = (device_client.get(PATH, {"server_url": URL}) for _ in range(2))
    assert first.content == again.content
    etag = first.headers["ETag"]
    assert again.headers["ETag"] == etag
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        same = device_client.get(PATH, {"server_url": URL}, headers={"if-none-match": known})
        assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", etag)
    other = device_client.get(PATH, {"server_url": URL + "/tome"}, headers={"if-none-match": etag})
    assert other.status_code == 200


@pytest.mark.parametrize(
    "url",
    ["books.example.org", "ftp://books.example.org", "https://", 'https://x/"..os.exit()', "https://a b", "x" * 999],
)
def test_an_address_that_no_plugin_could_reach_is_422(url: str, device_client: Client) -> None:
    response = device_client.get(PATH, {"server_url": url})
    if response.status_code == 200:
        # What is a possible address may hold quotes; it stays one string of Lua all the same.
        assert '"..os.exit()' not in main_of(response)
        return
    assert wrong_fields(response) == {"server_url"}


def test_a_request_for_another_host_is_refused_as_json(settings: Any, device_client: Client) -> None:
    settings.ALLOWED_HOSTS = ["books.example.org"]
    detail_of(device_client.get(PATH, headers={"host": "elsewhere.example.org"}), 400)


def test_bobs_plugin_holds_nothing_of_adas(strange_client: Client, ada_key: str, bob_key: str) -> None:
    main = main_of(strange_client.get(PATH, {"server_url": URL}))
    assert bob_key in main
    assert ada_key not in main
