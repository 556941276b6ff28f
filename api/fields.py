"""Types of what devices send. KOReader's JSON comes from Lua: an empty list is `{}`, a page number may be a number, and
text may hold what no database takes."""

from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, Field

from accounts.devices import DeviceClue
from library.queries import LARGEST_ID
from reading.clocks import read_instant
from reading.files import FileReport

Item = TypeVar("Item")


def _text(value: Any) -> Any:
    """Without NUL (PostgreSQL refuses it) and lone surrogates (nothing can encode them)."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    return value


def _number_as_text(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _text(value)


def _list(value: Any) -> Any:
    return [] if value == {} or value is None else value


def _lines(value: Any) -> Any:
    """Authors as KOReader has them, one a line; a list is taken too."""
    if isinstance(value, list):
        return "\n".join(name for name in value if isinstance(name, str))
    return "" if value == {} else _text(value)


def _instant(value: Any) -> Any:
    try:
        return read_instant(value)
    except (ValueError, TypeError, AttributeError):
        raise ValueError("a time must be ISO 8601 text with Z or an offset") from None


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("true and false are no numbers")
    return value


def _whole(value: Any) -> Any:
    return round(value) if isinstance(value, float) and abs(value) < LARGEST_ID else _number(value)


Text = Annotated[str, BeforeValidator(_text)]
ShortText = Annotated[str, BeforeValidator(_text), Field(max_length=1000)]
Progress = Annotated[str, BeforeValidator(_number_as_text), Field(max_length=4000)]
Authors = Annotated[str, BeforeValidator(_lines), Field(max_length=4000)]
LuaList = Annotated[list[Item], BeforeValidator(_list)]
Instant = Annotated[datetime, BeforeValidator(_instant)]
Identifier = Annotated[int, BeforeValidator(_number), Field(ge=-LARGEST_ID, le=LARGEST_ID)]
Count = Annotated[int, BeforeValidator(_whole), Field(ge=-LARGEST_ID, le=LARGEST_ID)]
Finite = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
PartialMd5 = Annotated[str, BeforeValidator(lambda value: _text(value).lower() if isinstance(value, str) else value)]
FileMd5 = Annotated[PartialMd5, Field(max_length=32)]


def _absent_if_empty(value: Any) -> Any:
    return None if value == "" else value


QueryCount = Annotated[Count | None, BeforeValidator(_absent_if_empty)]  # a client may send `size=` with no value


class FileIn(BaseModel):
    """A file on a device."""

    filename: ShortText
    ko_md5: FileMd5 | None = None
    size: Count | None = None
    folder: ShortText | None = None
    title: ShortText | None = None
    authors: Authors | None = None

    def as_report(self) -> FileReport:
        return FileReport(
            filename=self.filename,
            ko_md5=self.ko_md5 or "",
            size=self.size,
            folder=self.folder or "",
            title=self.title or "",
            authors=self.authors or "",
        )


class DeviceIn(BaseModel):
    """The device that sends a batch."""

    id: Annotated[str, BeforeValidator(_text), Field(max_length=200)]
    name: Text | None = None
    model: Text | None = None
    plugin_version: Annotated[str, BeforeValidator(_number_as_text)] | None = None

    def as_clue(self) -> DeviceClue:
        return DeviceClue(
            identifier=self.id,
            name=self.name or self.model or "",
            model=self.model or "",
            plugin_version=self.plugin_version or "",
        )
