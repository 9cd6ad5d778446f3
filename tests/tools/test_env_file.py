"""What the environment leaves open is read from a .env file in the current directory."""

import subprocess
import sys
from pathlib import Path

import pytest

from settings import Settings, SettingsError, environment_for_child, policy_directory, with_env_file

ROOT = Path(__file__).parents[2]


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("PEGLINE_ENV_FILE", "PEGLINE_DATABASE_URL", "PEGLINE_POLICY_DIRECTORY", "TEMPORAL_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_a_process_reads_it_and_its_own_environment_wins(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (directory / ".env").write_text(
        "# a real installation\n"
        "PEGLINE_DATABASE_URL=postgresql://pegline:file@db/pegline\n"
        "export PEGLINE_TASK_QUEUE_PREFIX='night'  # the second shift\n"
        "PEGLINE_POLICY_DIRECTORY=/etc/pegline\n"
        "TEMPORAL_ADDRESS=temporal.example:7233\n"
    )
    settings = Settings.load()
    assert settings.database_url == "postgresql://pegline:file@db/pegline"
    assert settings.task_queue_prefix == "night"
    assert settings.temporal["target_host"] == "temporal.example:7233"
    assert policy_directory() == Path("/etc/pegline")

    monkeypatch.setenv("PEGLINE_DATABASE_URL", "postgresql://pegline:own@db/pegline")
    monkeypatch.setenv("PEGLINE_TASK_QUEUE_PREFIX", "")
    monkeypatch.setenv("PEGLINE_POLICY_DIRECTORY", "plants")
    settings = Settings.load()
    assert settings.database_url == "postgresql://pegline:own@db/pegline"
    assert settings.task_queue_prefix == "pegline", "an empty variable takes back what the file says"
    assert policy_directory() == Path("plants")


def test_values_are_taken_as_they_are_written(directory: Path) -> None:
    (directory / ".env").write_text("PEGLINE_ERP_PASSWORD=pa$$w${ORD}\n")
    assert with_env_file({"ORD": "x"})["PEGLINE_ERP_PASSWORD"] == "pa$$w${ORD}"


def test_the_environment_wins_in_either_form_of_a_variable(directory: Path) -> None:
    (directory / ".env").write_text("PEGLINE_ERP_PASSWORD=file\nPEGLINE_EDI_PASSWORD_FILE=/file\n")
    own = {"PEGLINE_ERP_PASSWORD_FILE": "/own", "PEGLINE_EDI_PASSWORD": "own"}
    assert with_env_file(own) == own
    assert with_env_file({}) == {"PEGLINE_ERP_PASSWORD": "file", "PEGLINE_EDI_PASSWORD_FILE": "/file"}


def test_none_is_needed_but_one_that_is_named_must_be_readable(directory: Path) -> None:
    assert with_env_file({"A": "1"}) == {"A": "1"}
    (directory / ".env").mkdir()
    assert with_env_file({"A": "1"}) == {"A": "1"}
    (directory / "night.env").write_text("A=2\nB=3\n")
    assert with_env_file({"PEGLINE_ENV_FILE": "night.env"}) == {"PEGLINE_ENV_FILE": "night.env", "A": "2", "B": "3"}
    with pytest.raises(SettingsError, match=r"settings file day\.env can't be read: .*No such file"):
        with_env_file({"PEGLINE_ENV_FILE": "day.env"})
    (directory / "night.env").write_bytes(b"A=\xff\n")
    with pytest.raises(SettingsError, match=r"settings file night\.env can't be read: .*utf-8"):
        with_env_file({"PEGLINE_ENV_FILE": "night.env"})


@pytest.mark.parametrize("command", ["worker", "runtime.prepare", "cli gateway"])
def test_worker_preparation_and_gateway_read_it(directory: Path, command: str) -> None:
    (directory / ".env").write_text("PEGLINE_TASK_QUEUE_PREFIX=a b\n")
    refused = start(directory, command, PEGLINE_ENV_FILE=None)
    assert refused.returncode == 2
    assert "PEGLINE_TASK_QUEUE_PREFIX is 'a b'; allowed is 1 to 60 letters" in refused.stderr


def test_a_program_of_the_demo_does_not(directory: Path) -> None:
    (directory / ".env").write_text("PEGLINE_TASK_QUEUE_PREFIX=a b\n")
    refused = start(directory, "worker")
    assert refused.returncode == 2
    assert "PEGLINE_DATABASE_URL is not set" in refused.stderr
    assert "PEGLINE_TASK_QUEUE_PREFIX" not in refused.stderr


def start(directory: Path, command: str, **changes: str | None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (sys.executable, "-m", *command.split()),
        cwd=directory,
        env=environment_for_child(PYTHONPATH=str(ROOT), **changes),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
