"""Settings: what holds where nothing is set, and what older and newer files leave in force."""

from typing import Any

import pytest

from tests.koplugin.pure import PureLua, plain

LUA = PureLua()
DEFAULTS = {"is_on": True, "ahead": "auto", "behind": "ask", "idle_cap_seconds": 180}
# As KOReader's LuaSettings, of which the module uses no more than this.
STORE = """
local values = ...
local store = { values = values, flushes = 0 }
function store:readSetting(key)
    return self.values[key]
end
function store:saveSetting(key, value)
    self.values[key] = value
    return self
end
function store:delSetting(key)
    self.values[key] = nil
    return self
end
function store:flush()
    if self.is_full then
        error("No space left on device")
    end
    self.flushes = self.flushes + 1
end
return store
"""


class Settings:
    def __init__(self, **values: Any) -> None:
        self.store = LUA.run(STORE, LUA.table(values))
        self.it = LUA.module("settings")[b"open"](self.store)

    def get(self, name: str) -> Any:
        return plain(LUA.call(self.it, "get", name))

    def set(self, name: str, value: Any) -> None:
        LUA.call(self.it, "set", name, value)

    def flush(self) -> None:
        LUA.call(self.it, "flush")

    def stored(self) -> dict[str, Any]:
        return plain(self.store[b"values"])

    def flushes(self) -> int:
        return self.store[b"flushes"]


@pytest.mark.parametrize(("name", "default"), DEFAULTS.items())
def test_where_nothing_is_set_the_default_holds(name: str, default: Any) -> None:
    value = Settings().get(name)
    assert value == default
    assert type(value) is type(default)


@pytest.mark.parametrize("name", ["device_name", "server_url", "formats", "something else"])
def test_what_has_no_default_is_not_there(name: str) -> None:
    assert Settings().get(name) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("is_on", False),
        ("ahead", "never"),
        ("ahead", "ask"),
        ("behind", "auto"),
        ("idle_cap_seconds", 60),
        ("device_name", "Ada's Kobo"),
        ("server_url", "http://192.168.1.10:8080"),
        ("formats", ["epub", "pdf"]),
        ("last_sync_at", 1_763_900_000),
    ],
)
def test_what_is_set_holds(name: str, value: Any) -> None:
    settings = Settings()
    settings.set(name, value)
    assert settings.get(name) == value
    assert Settings(**settings.stored()).get(name) == value


@pytest.mark.parametrize(("name", "default"), DEFAULTS.items())
def test_set_to_nil_the_default_holds_again(name: str, default: Any) -> None:
    settings = Settings(**{name: {"is_on": False, "idle_cap_seconds": 60}.get(name, "never")})
    assert settings.get(name) != default
    settings.set(name, None)
    assert settings.get(name) == default
    assert name not in settings.stored()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("is_on", "yes"),
        ("is_on", 0),
        ("ahead", True),
        ("ahead", "sometimes"),
        ("ahead", ""),
        ("behind", {"auto": True}),
        ("behind", 1),
        ("idle_cap_seconds", "180"),
        ("idle_cap_seconds", 0),
        ("idle_cap_seconds", -60),
        ("idle_cap_seconds", float("nan")),
        ("idle_cap_seconds", {}),
        ("device_name", 7),
        ("device_name", ""),
        ("server_url", {}),
        ("server_url", True),
        ("server_url", ""),
        ("formats", "epub"),
        ("servers", "server-1"),
    ],
)
def test_a_value_that_cannot_be_right_counts_as_nothing(name: str, value: Any) -> None:
    assert Settings(**{name: value}).get(name) == DEFAULTS.get(name)


def test_a_changed_file_is_written_once() -> None:
    settings = Settings(format=2)
    settings.flush()
    assert settings.flushes() == 0
    settings.set("ahead", "ask")
    settings.set("behind", "never")
    settings.flush()
    settings.flush()
    assert settings.flushes() == 1


def test_what_could_not_be_written_is_written_the_next_time() -> None:
    settings = Settings(format=2)
    settings.set("ahead", "ask")
    settings.store[b"is_full"] = True
    with pytest.raises(Exception, match="No space left on device"):
        settings.flush()
    settings.store[b"is_full"] = False
    settings.flush()
    assert settings.flushes() == 1


# Files of other versions


@pytest.mark.parametrize("format_before", [None, 1, "1", "two", {}, True, 0, -3, 1.5])
def test_a_file_of_version_8_keeps_what_the_reader_has_set(format_before: Any) -> None:
    before = {"is_on": False, "device_name": "Ada's Kobo", "places": {"d": 4}}
    settings = Settings(**before, **({} if format_before is None else {"format": format_before}))
    assert settings.stored() == {"is_on": False, "device_name": "Ada's Kobo", "format": 2}
    settings.flush()
    assert settings.flushes() == 1


def test_a_migrated_file_is_left_alone() -> None:
    first = Settings()
    first.set("places", "the name may mean something else one day")
    again = Settings(**first.stored())
    assert again.stored() == first.stored()
    again.flush()
    assert again.flushes() == 0


def test_a_newer_plugins_file_is_left_as_it_is_and_read_as_far_as_it_goes() -> None:
    newer = {"format": 7, "ahead": "nearly always", "behind": "never", "places": {"d": 4}, "new": True}
    settings = Settings(**newer)
    assert settings.stored() == newer
    assert (settings.get("ahead"), settings.get("behind")) == ("auto", "never")
    settings.flush()
    assert settings.flushes() == 0
