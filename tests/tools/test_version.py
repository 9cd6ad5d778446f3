"""The console prints its version."""

import sys
import tomllib
from pathlib import Path

import pytest

import cli

ROOT = Path(__file__).parents[2]


def test_the_console_says_the_projects_version(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    monkeypatch.setattr(sys, "argv", ["cli.py", "--version"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"pegline {project['version']}\n"
