"""Finds a Chromium for the tests of the pages; where there is none and we may, Debian's is installed.

`python -m tools.chromium` makes sure that there is one and prints its path. Where none can be had it says why, and ends
with 0: the tests that need a browser say so, too, and everything else runs.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from settings import ToolSettings, environment_for_child
from tools.progress import Progress

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
_INSTALL_SECONDS = 300
_UPDATE = ("apt-get", "update", "--quiet")
_INSTALL = ("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "chromium", "fonts-dejavu-core")


class NoChromium(Exception):
    """No Chromium could be found or installed; the message says what was tried."""


def find_chromium(settings: ToolSettings) -> Path | None:
    """The executable: the one that CHROMIUM_PATH names, else the first on the PATH; None where there is none."""
    found = (shutil.which(name) for name in NAMES)
    return settings.chromium or next((Path(path) for path in found if path), None)


def install_chromium(settings: ToolSettings, progress: Progress) -> Path:
    """Install Debian's Chromium. Raises NoChromium where we may not, or where it fails."""
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise NoChromium(
            "none is on the PATH and only root may install Debian's; install one, or name it in CHROMIUM_PATH"
        )
    progress.say("installing Chromium for the tests of the pages")
    if not _run(_INSTALL, progress):
        # The package lists may be missing or too old.
        _run(_UPDATE, progress)
        if not _run(_INSTALL, progress):
            raise NoChromium("Debian's could not be installed; install one, or name it in CHROMIUM_PATH")
    found = find_chromium(settings)
    if found is None:
        raise NoChromium("Debian's was installed and is not on the PATH; name it in CHROMIUM_PATH")
    return found


def _run(command: Sequence[str], progress: Progress) -> bool:
    environment = environment_for_child(DEBIAN_FRONTEND="noninteractive")
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as running:
        for _ in range(_INSTALL_SECONDS):
            try:
                return running.wait(timeout=1) == 0
            except subprocess.TimeoutExpired:
                progress.say(f"{' '.join(command[:2])} for the tests of the pages")
        running.terminate()
    return False


def main() -> int:
    """Find or install it; always 0."""
    settings = ToolSettings.load()
    with Progress("Chromium") as progress:
        try:
            print(f"Chromium: {find_chromium(settings) or install_chromium(settings, progress)}")
        except NoChromium as missing:
            print(f"Chromium: {missing}. The tests of the pages in a browser are skipped.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
