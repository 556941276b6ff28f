"""The devices that a reader reads on, as far as their requests name them."""

from dataclasses import dataclass
from datetime import datetime

from accounts.models import Device, Reader
from accounts.statements import fetch_row, update_row


@dataclass(frozen=True)
class DeviceClue:
    """What a request says of the device that sent it. Older plugins send a name at most, some requests nothing."""

    identifier: str = ""
    name: str = ""
    model: str = ""
    plugin_version: str = ""

    @property
    def key(self) -> str:
        return (self.identifier or f"name:{self.name}")[:200]

    @property
    def is_named(self) -> bool:
        return bool(self.identifier or self.name)


def known_device(reader: Reader, clue: DeviceClue) -> Device:
    """The device of a clue, made if it is new. Its last contact is as it was before this request."""
    device = find_device(reader, clue.key)
    if device is None:
        device, _ = Device.objects.get_or_create(
            reader=reader,
            identifier=clue.key,
            defaults={"name": clue.name[:200], "model": clue.model[:200], "plugin_version": clue.plugin_version[:50]},
        )
    return device


def note_contact(device: Device, clue: DeviceClue, *, now: datetime) -> bool:
    """Keep when the device was last heard of, and what it says of itself where that changed; whether its name did."""
    device.last_contact_at = now
    changed = ["last_contact_at"]
    for field, said in (
        ("name", clue.name[:200]),
        ("model", clue.model[:200]),
        ("plugin_version", clue.plugin_version[:50]),
    ):
        if said and said != getattr(device, field):
            setattr(device, field, said)
            changed.append(field)
    update_row(device, changed)
    return "name" in changed


def find_device(reader: Reader, identifier: str) -> Device | None:
    """A device that has been heard of before."""
    return fetch_row(Device, "reader_id = %s AND identifier = %s", [reader.pk, identifier[:200]])
