"""Makes setuptools ready, of the version in build_backend.lock, with which pip builds packages of adapters in tests.

pip would fetch it anew for each build. It is kept apart (.cache/build_backend), for nothing else of ours needs it.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from tools.progress import Progress

LOCK = Path(__file__).with_suffix(".lock")
_CACHE = Path(__file__).parents[1] / ".cache" / "build_backend"


def find(progress: Progress) -> Path | None:
    """The folder to be put on the path; None where it could not be had."""
    folder = _CACHE / hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    if folder.is_dir():
        return folder
    progress.say("downloading")
    made = folder.with_name(f"{folder.name}.{id(progress)}")
    command = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input")
    given = ("--no-deps", "--require-hashes", "--target", str(made), "--requirement", str(LOCK))
    if subprocess.run((*command, *given), check=False).returncode != 0:
        shutil.rmtree(made, ignore_errors=True)
        return None
    made.replace(folder)
    return folder
