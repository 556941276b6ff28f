"""The devices that a reader reads on, as far as their requests name them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.models import Device, Reader
from accounts.statements import fetch_row, update_row

# Requests of a device that are no further apart belong to one run. KOReader leaves at least 25 s between two pushes of
# its own accord, and sends what waited in its queue without a pause.
RUN_GAP = timedelta(seconds=20)


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
    changed = ["last_contact_at"]
    if not _is_in_run(device, now=now):
        device.earlier_contact_at = device.last_contact_at
        changed.append("earlier_contact_at")
    device.last_contact_at = now
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


def contact_before_run(device: Device, *, now: datetime) -> datetime | None:
    """When the device was last heard of before the run of requests to which one that comes now belongs."""
    return device.earlier_contact_at if _is_in_run(device, now=now) else device.last_contact_at


def _is_in_run(device: Device, *, now: datetime) -> bool:
    return device.last_contact_at is not None and now - device.last_contact_at <= RUN_GAP


def find_device(reader: Reader, identifier: str) -> Device | None:
    """A device that has been heard of before."""
    return fetch_row(Device, "reader_id = %s AND identifier = %s", [reader.pk, identifier[:200]])
