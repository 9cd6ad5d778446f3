"""docs/adapters.md, followed word for word in a folder beside Pegline: what it has typed, and what it says is shown."""

import re
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from console.adapter import NotLaidOut, lay_out
from tools import build_backend
from tools.ports import free_port
from tools.progress import Progress

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "adapters.md"
SERVER = "python -m uvicorn tide_server:app --port 8471"
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"`([\w/]+\.\w+)`(?:, replace (everything from )?the line `([^`]+)`)?:\s*\Z")


class Block(NamedTuple):
    before: str
    language: str
    text: str


def blocks(page: str) -> Iterator[Block]:
    end = 0
    for found in _FENCE.finditer(page):
        yield Block(" ".join(page[end : found.start()].split()), found[1], found[2])
        end = found.end()


@dataclass
class Reader:
    """Somebody at a shell, with an environment like the one that `make setup` makes."""

    folder: Path
    at: Path
    builds: bool
    """Whether pip can build a package without fetching anything."""
    said: str = ""
    code: int = 0

    def writes(self, where: str, text: str) -> None:
        found = _FILE.search(where)
        assert found, f"the page says no file for: {text[:80]}"
        name, on, line = found.groups()
        path = self.at / name
        if line is None:
            assert path.exists() or path.parent.is_dir(), f"{name} is in no folder that there is"
            path.write_text(text)
            return
        lines = path.read_text().splitlines(keepends=True)
        [place] = [number for number, each in enumerate(lines) if each.strip() == line]
        path.write_text("".join(lines[:place]) + text + ("" if on else "".join(lines[place + 1 :])))

    def types(self, commands: str) -> None:
        script = f"""PATH={self.folder}/venv/bin:$PATH; export PATH
            unset $(env | grep -o '^PEGLINE_[A-Z_]*'); export PIP_NO_BUILD_ISOLATION=0 PIP_DISABLE_PIP_VERSION_CHECK=1
            {commands}
            code=$?; pwd -L >{self.folder}/at; exit $code"""
        done = subprocess.run(("sh", "-c", script), cwd=self.at, capture_output=True, text=True, timeout=120)
        self.said, self.code = done.stdout + done.stderr, done.returncode
        self.at = Path((self.folder / "at").read_text().strip())

    def sees(self, expected: str) -> None:
        position = 0
        for line in expected.splitlines():
            position = self.said.find(line.strip(), position)
            assert position >= 0, f"the page says that this is shown: {line}\nbut it was:\n{self.said[-6000:]}"
        assert (self.code != 0) is ("failed" in expected), self.said[-6000:]


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    """Pegline in a folder where others may stand beside it."""
    (tmp_path / "pegline").mkdir()
    for each in ROOT.iterdir():
        if not each.name.startswith("."):
            (tmp_path / "pegline" / each.name).symlink_to(each)
    subprocess.run((sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")), check=True)
    site = next((tmp_path / "venv" / "lib").glob("python*")) / "site-packages"
    with Progress("Build backend") as progress:
        backend = build_backend.find(progress)
    paths = [*([str(backend)] if backend else []), sysconfig.get_path("purelib")]
    (site / "pegline.pth").write_text("\n".join(paths))
    return Reader(tmp_path, tmp_path / "pegline", backend is not None)


@contextmanager
def started(reader: Reader, port: int) -> Iterator[None]:
    """The server of another terminal."""
    command = (str(reader.folder / "venv" / "bin" / "python"), *SERVER.split()[1:-1], str(port))
    with subprocess.Popen(command, cwd=reader.folder / "pegline-tide" / "tests", stderr=subprocess.DEVNULL) as server:
        try:
            for _ in range(300):
                try:
                    httpx.get(f"http://127.0.0.1:{port}/")
                    break
                except httpx.ConnectError:
                    time.sleep(0.05)
            yield
        finally:
            server.terminate()


def test_the_page_builds_an_adapter_that_conforms(reader: Reader) -> None:
    page, port = PAGE.read_text(), free_port()
    assert SERVER in page
    for block in blocks(page.replace("8471", str(port))):
        match block.language:
            case "text":
                reader.sees(block.text)
            case "sh":
                if "pip install" in block.text and not reader.builds:
                    pytest.skip("followed as far as its installation: no build backend could be had")
                with started(reader, port) if "landscape check" in block.text else nullcontext():
                    reader.types(block.text)
            case _:
                reader.writes(block.before, block.text)


@pytest.mark.parametrize("name", ["Acme", "acme_2", "2acme", "a b", "-acme", "acme-", "../acme", "x" * 41, "odoo"])
def test_a_name_that_can_not_be_used_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotLaidOut, match=r"can't be a dialect's name; use|there is an ERP dialect odoo already"):
        lay_out(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over_what_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "pegline-acme").write_text("mine")
    with pytest.raises(NotLaidOut, match=r"pegline-acme is there already; choose another name"):
        lay_out("acme", tmp_path)
    with pytest.raises(NotLaidOut, match=r"gone is no folder; make it"):
        lay_out("acme", tmp_path / "gone")
    assert (tmp_path / "pegline-acme").read_text() == "mine"


def test_a_package_has_its_own_name_everywhere(tmp_path: Path) -> None:
    package = lay_out("old-mill", tmp_path)
    files = [path for path in package.rglob("*") if path.is_file()]
    assert {"old_mill_bench.py", "old_mill_server.py", "orders.py", "pyproject.toml"} <= {path.name for path in files}
    for path in files:
        assert not re.search("acme|skeletons", path.read_text(), re.IGNORECASE), path
        if path.suffix == ".py":
            compile(path.read_text(), path, "exec")
    assert 'old-mill = "pegline_old_mill.dialect:DIALECT"' in (package / "pyproject.toml").read_text()
