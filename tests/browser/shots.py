"""Pictures of pages, to be looked at: python -m tests.browser.shots URL USER PASSWORD FOLDER PATH ...

Logs in to the service at URL and writes each page whole, as FOLDER/<page>-<wide|narrow>-<light|dark>.png. What they
complain of in the browser's console is printed, and makes the exit status 1.
"""

import re
import sys
from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.chromium import SCHEMES, WIDTHS, Scheme, Width, executable, log_in, new_context, running_chromium

CHARTS_ARE_DRAWN_WITHIN_MS = 1500


def main(url: str, user: str, password: str, folder: Path, paths: list[str]) -> int:
    if executable() is None:
        sys.exit("Chromium is not installed (Debian: chromium).")
    folder.mkdir(parents=True, exist_ok=True)
    problems: list[str] = []
    with running_chromium() as browser:
        for width in WIDTHS:
            for scheme in SCHEMES:
                problems += take(browser, url, user, password, folder, paths, width, scheme)
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


def take(
    browser: Browser, url: str, user: str, password: str, folder: Path, paths: list[str], width: Width, scheme: Scheme
) -> list[str]:
    """Each page as it looks in one width and scheme; gives what the pages complained of."""
    problems: list[str] = []
    with new_context(browser, url, width=width, scheme=scheme, reduced_motion="reduce") as context:
        context.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
        context.on("weberror", lambda error: problems.append(str(error.error)))
        page = context.new_page()
        log_in(page, user, password)
        for path in paths:
            page.goto(path, wait_until="networkidle")
            page.wait_for_timeout(CHARTS_ARE_DRAWN_WITHIN_MS)
            name = re.sub(r"[^a-z0-9]+", "-", path.lower()).strip("-") or "home"
            file = folder / f"{name}-{width}-{scheme}.png"
            page.screenshot(path=file, full_page=True)
            sys.stdout.write(f"{file}\n")
    return problems


if __name__ == "__main__":
    if len(sys.argv) < 6:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4]), sys.argv[5:]))
