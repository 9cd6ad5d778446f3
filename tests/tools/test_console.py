"""The console prints its version, and has every command it names without importing what only another needs."""

import subprocess
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


def test_every_command_is_there_by_itself_and_among_all(capsys: pytest.CaptureFixture[str]) -> None:
    every = cli.arguments().format_help()
    for command in cli.COMMANDS:
        assert f"    {command} " in every
        with pytest.raises(SystemExit):
            cli.arguments(command).parse_args([command, "--help"])
        assert f"usage: cli.py {command}" in capsys.readouterr().out


def test_a_buyers_command_does_not_wait_for_the_gateway_to_be_imported() -> None:
    program = "import sys, cli; cli.arguments('decide'); print({'fastapi', 'sqlalchemy', 'gateway'} & set(sys.modules))"
    said = subprocess.run((sys.executable, "-c", program), cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout == "set()\n", said.stderr
