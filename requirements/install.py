"""Install one lock file into the environment that runs this, and show how far it is.

pip itself either prints a line or two for each of some eighty packages, or nothing at all for a minute.
"""

import re
import subprocess
import sys
from pathlib import Path


def main(lock: Path) -> int:
    wanted = len(re.findall(r"^[A-Za-z0-9]", lock.read_text(encoding="utf-8"), re.MULTILINE))
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    # pip warns root about breaking the system's packages, which an environment of one's own cannot.
    command += ["--root-user-action=ignore", "--progress-bar=off", "--require-hashes", "-r", str(lock)]
    started, lines = 0, []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            lines.append(line)
            if line.startswith(("Collecting ", "Requirement already satisfied: ")):
                started += 1
                show(f"  fetching part {started} of at most {wanted}")
            elif line.startswith("Installing collected packages"):
                show("  installing what was fetched")
    show("")
    if pip.returncode:
        sys.stderr.writelines(lines)
        sys.stderr.write(f"The packages of {lock} could not be installed; pip says why above.\n")
    return pip.returncode


def show(state: str) -> None:
    """Replace the line on a terminal; say nothing to a log file."""
    if sys.stdout.isatty():
        sys.stdout.write(f"\r\033[K{state}")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
