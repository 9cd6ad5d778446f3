"""A Chromium is found where it is named or on the PATH; where none can be had the reason is stated."""

from pathlib import Path

import pytest

from settings import ToolSettings
from tools.chromium import NoChromium, find_chromium, install_chromium
from tools.progress import Progress


def executable(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_named_one_comes_before_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    nothing_named = ToolSettings.load({})
    assert find_chromium(nothing_named) is None
    on_path = executable(tmp_path, "google-chrome")
    assert find_chromium(nothing_named) == on_path
    first = executable(tmp_path, "chromium")
    assert find_chromium(nothing_named) == first
    assert find_chromium(ToolSettings.load({"CHROMIUM_PATH": "/opt/mine"})) == Path("/opt/mine")


def test_who_may_not_install_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with Progress("Chromium") as progress, pytest.raises(NoChromium, match="CHROMIUM_PATH"):
        install_chromium(ToolSettings.load({}), progress)
