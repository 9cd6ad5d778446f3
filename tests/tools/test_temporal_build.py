"""The dev server is built once, leaves one binary, and a failed build reports its cause."""

import io
import threading
from pathlib import Path

import pytest

from tools.progress import Progress
from tools.temporal_build import BuildFailed, build

GO = """#!/bin/sh
echo "$1 $GOFLAGS" >>"{log}"
case $1 in
list) echo "go: downloading example.com/server v1.32.0" >&2; echo fmt; echo example.com/server ;;
build)
    mkdir -p "$GOMODCACHE/locked" && touch "$GOMODCACHE/locked/file" && chmod 0500 "$GOMODCACHE/locked"
    echo fmt >&2; sleep 0.3; echo "{last}" >&2
    while [ "$1" != -o ]; do shift; done
    echo binary >"$2"; exit {code} ;;
esac
"""


def fake_go(folder: Path, *, last: str = "example.com/server", code: int = 0) -> Path:
    go = folder / "go"
    go.write_text(GO.format(log=folder / "go.log", last=last, code=code))
    go.chmod(0o755)
    return go


def test_two_builds_at_once_become_one_and_only_the_binary_stays(tmp_path: Path) -> None:
    target = tmp_path / "cache" / "temporal"
    go = fake_go(tmp_path)
    statement = io.StringIO()
    builds = [threading.Thread(target=build, args=(target, Progress("Temporal", statement), str(go))) for _ in range(2)]
    for each in builds:
        each.start()
    for each in builds:
        each.join()
    assert target.read_text() == "binary\n"
    assert [line.split()[0] for line in (tmp_path / "go.log").read_text().splitlines()] == ["list", "build"]
    assert {path.name for path in target.parent.iterdir()} == {"temporal", "build.lock"}
    assert "downloading its sources" in statement.getvalue()


def test_what_a_killed_build_left_is_removed(tmp_path: Path) -> None:
    leftover = tmp_path / "cache" / "build-killed" / "modules"
    leftover.mkdir(parents=True)
    (leftover / "file").touch()
    leftover.chmod(0o500)
    build(tmp_path / "cache" / "temporal", Progress("Temporal", io.StringIO()), str(fake_go(tmp_path)))
    assert not leftover.parent.exists()


def test_a_build_that_fails_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    go = fake_go(tmp_path, last="server.go:7: undefined: Clock", code=2)
    target = tmp_path / "cache" / "temporal"
    with pytest.raises(BuildFailed, match=r"(?s)build ended with code 2:.*undefined: Clock"):
        build(target, Progress("Temporal", io.StringIO()), str(go))
    assert {path.name for path in target.parent.iterdir()} == {"build.lock"}


def test_the_last_output_of_go_is_read_although_it_has_ended(tmp_path: Path) -> None:
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\n(sleep 0.3; echo 'no space left on device' >&2) >/dev/null &\nexit 1\n")
    go.chmod(0o755)
    with pytest.raises(BuildFailed, match="no space left on device"):
        build(tmp_path / "cache" / "temporal", Progress("Temporal", io.StringIO()), str(go))
