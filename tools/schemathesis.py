"""Makes schemathesis ready, which fuzzes the API by its own description, in an environment of its own.

`python -m tools.schemathesis` makes sure that it is there and prints its path. It needs packages that we do not, so
they are kept apart (.cache/schemathesis, by tools/schemathesis.lock). Where it can't be had it says why, and ends with
0: the test that needs it is skipped and says so.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

from tools.packages import Environment
from tools.progress import Progress

LOCK = Path(__file__).with_suffix(".lock")
FOLDER = Path(__file__).parents[1] / ".cache" / "schemathesis"


def find_schemathesis() -> Path | None:
    """The program, of the lock's version; None where it was not made."""
    stamp = FOLDER / "lock.sha256"
    return FOLDER / "bin" / "schemathesis" if stamp.is_file() and stamp.read_text() == _digest() else None


def make_schemathesis(progress: Progress) -> Path | None:
    """Make it, where that is possible."""
    progress.say("a Python environment of its own")
    subprocess.run((sys.executable, "-m", "venv", "--clear", str(FOLDER)), check=True)
    site = next((FOLDER / "lib").glob("python*")) / "site-packages"
    if Environment(FOLDER / "bin" / "python", site).install(LOCK, progress) != 0:
        return None
    (FOLDER / "lock.sha256").write_text(_digest())
    return find_schemathesis()


def _digest() -> str:
    return hashlib.sha256(LOCK.read_bytes()).hexdigest()


def main() -> int:
    """Find or make it; always 0."""
    with Progress("Schemathesis") as progress:
        found = find_schemathesis() or make_schemathesis(progress)
    print(f"Schemathesis: {found or 'its packages could not be had; the API is not fuzzed'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
