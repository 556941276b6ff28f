"""What Ada does on a device again and again, and what the tests wait for there."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.koplugin.koreader import KOReader, Window

StartDevice = Callable[..., KOReader]  # what the fixture `start_device` is


def open_book(kobo: KOReader, path: Path, **given: Any) -> None:
    """Open it, and give the server time to answer what it is asked then."""
    kobo.open(path, **given)
    kobo.wait(5)


def come_home(kobo: KOReader) -> None:
    """Have its clock catch up with the server's, and tell what was read; a network that stays is good for more."""
    kobo.wait(max(0.0, time.time() - kobo.now))
    kobo.go_online()
    kobo.wait(10)


def reconnect(kobo: KOReader, *, seconds: float = 0) -> None:
    """Lose Wi-Fi and get it back, and let that many seconds pass."""
    kobo.go_offline()
    kobo.go_online()
    kobo.wait(seconds)


def change_address(kobo: KOReader, address: str) -> None:
    """Enter another server's address in the settings."""
    kobo.tap("Settings", "Server address")
    kobo.type(address)
    kobo.press("Save")


# Windows


def top(kobo: KOReader) -> Window:
    """What is on the screen, before everything else."""
    assert kobo.windows, "nothing is on the screen"
    return kobo.windows[-1]


def leave_windows(kobo: KOReader) -> None:
    """Tap away all that does not go by itself."""
    while [window for window in kobo.windows if window.kind != "Notification"]:
        kobo.dismiss()


def until(kobo: KOReader, condition: Callable[[], bool], *, what: str, seconds: int = 600) -> None:
    """Let the device's time pass until it is so."""
    for _ in range(seconds * 4):
        if condition():
            return
        kobo.wait(0.25)
    raise AssertionError(f"In vain waited for {what}; on the screen: {kobo.windows}; log: {kobo.log[-20:]}")


def fetched(kobo: KOReader, *path: str, chosen: str = "") -> Window:
    """What comes of a tap in the plugin's menu, or of a line of the list on top: a list, or a sentence."""
    if chosen:
        kobo.choose(chosen)
    else:
        kobo.tap(*path)
    until(kobo, lambda: not top(kobo).text.startswith("Fetching"), what="what is fetched")
    return top(kobo)


def is_downloading(kobo: KOReader) -> bool:
    return any(window.kind == "ButtonDialog" for window in kobo.windows)


def finish(kobo: KOReader) -> str:
    """What is said when the download is over. The message is tapped away."""
    kobo.wait(0.1)
    until(kobo, lambda: not is_downloading(kobo), what="the end of the download")
    text = top(kobo).text
    kobo.dismiss()
    return text
