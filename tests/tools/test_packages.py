"""Set-up shows how far it is with the packages, and fails as pip fails."""

import io
import sys
from pathlib import Path

import pytest

from tools.packages import Environment, uv_settings
from tools.progress import Progress

LOCK = """alembic==1.20.1 \\
    --hash=sha256:00
    # via pegline (pyproject.toml)
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:01
rich==15.0.0 \\
    --hash=sha256:02
"""

PIP = """
import sys, time
from pathlib import Path

if sys.argv[1:2] == ["config"]:
    sys.exit()
print("Ignoring colorama: markers 'sys_platform == \\"win32\\"' don't match your environment", flush=True)
print("Collecting alembic==1.20.1 (from -r requirements-dev.lock (line 1))", flush=True)
print("  Downloading alembic-1.20.1-py3-none-any.whl (270 kB)", flush=True)
time.sleep(0.5)
print("Requirement already satisfied: rich==15.0.0 in .venv", flush=True)
time.sleep(0.5)
print("Installing collected packages: rich, alembic", flush=True)
record = Path({site!r}) / "rich-15.0.0.dist-info" / "RECORD"
record.parent.mkdir(exist_ok=True)
record.touch()
time.sleep(0.5)
print({last!r}, file=sys.stderr)
sys.exit({code})
"""


UV = """
import sys, time
from pathlib import Path

print("Resolved 2 packages in 1ms", file=sys.stderr, flush=True)
time.sleep(0.5)
print("Prepared 2 packages in 500ms", file=sys.stderr, flush=True)
record = Path({site!r}) / "rich-15.0.0.dist-info" / "RECORD"
record.parent.mkdir(exist_ok=True)
record.touch()
time.sleep(0.5)
print("Installed 2 packages in 500ms", file=sys.stderr)
sys.exit({code})
"""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(folder: Path, code: int, last: str, *, by_uv: int | None = None) -> tuple[int, str]:
    site, lock, shown = folder / "site", folder / "requirements-dev.lock", Terminal()
    (site / "pip-24.0.dist-info").mkdir(parents=True)
    (site / "pip-24.0.dist-info" / "RECORD").touch()
    lock.write_text(LOCK)
    pip = (sys.executable, "-c", PIP.format(site=str(site), last=last, code=code))
    uv = folder / "uv"
    if by_uv is not None:
        uv.write_text(f"#!{sys.executable}\n{UV.format(site=str(site), code=by_uv)}")
        uv.chmod(0o755)
    environment = Environment(Path(sys.executable), site, pip=pip, uv=uv)
    return environment.install(lock, Progress("Packages", shown)), shown.getvalue()


def test_what_is_downloaded_and_installed_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = run(tmp_path, 0, "WARNING: the cache is not writable")
    assert code == 0
    steps = ["1 of 2, downloading, 1 of 2", "1 of 2, downloading, 2 of 2", "2 of 2, installing, 1 of 2", "2 installed"]
    found = [shown.index(step) for step in steps]
    assert found == sorted(found)
    assert capsys.readouterr().err == "WARNING: the cache is not writable\n"


def test_refusals_of_pip_are_shown_in_its_own_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = run(tmp_path, 1, "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES")
    assert code == 1
    assert "installed" not in shown
    assert capsys.readouterr().err == "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES\n"


def test_uv_does_it_where_it_can(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = run(tmp_path, 1, "ERROR: pip has not been asked", by_uv=0)
    assert code == 0
    found = [shown.index(step) for step in ("1 of 2, downloading, 2", "2 of 2, installing, 1 of 2", "2 installed")]
    assert found == sorted(found)
    assert capsys.readouterr().err == ""


def test_pip_does_it_where_uv_cannot(tmp_path: Path) -> None:
    code, shown = run(tmp_path, 0, "", by_uv=2)
    assert code == 0
    assert "2 of 2, installing, 1 of 2" in shown


def test_uv_takes_packages_from_where_pip_would() -> None:
    pip = {
        "index-url": "https://a.example",
        "extra-index-url": "https://b.example\nhttps://c.example",
        "cert": "ca.pem",
    }
    assert uv_settings(pip, {"SSL_CERT_FILE": "mine.pem"}) == {
        "UV_DEFAULT_INDEX": "https://a.example",
        "UV_INDEX": "https://b.example https://c.example",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_NO_CONFIG": "1",
    }
