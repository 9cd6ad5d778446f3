"""The environment is read in one place, and what is wrong in it is said so that it can be fixed."""

import re
from pathlib import Path

import pytest

from settings import GatewaySettings, Settings, SettingsError, ToolSettings, WorkerSettings

DATABASE = {"PEGLINE_DATABASE_URL": "postgresql://pegline:pw@db:5432/pegline"}
COUNTERPARTS = {
    f"PEGLINE_{system}_{part}": value
    for system in ("ERP", "EDI", "APS")
    for part, value in (("URL", f"http://{system.lower()}.example"), ("USER", "pegline"), ("PASSWORD", "s3cret"))
}


def test_a_worker_finds_its_counterparts_and_defaults() -> None:
    settings = WorkerSettings.load(DATABASE | COUNTERPARTS | {"PEGLINE_ERP_RATE": "2.5"})
    assert settings.erp.base_url == "http://erp.example"
    assert settings.erp.rate == 2.5
    assert settings.aps.password.get_secret_value() == "s3cret"
    assert settings.task_queue_prefix == "pegline"
    assert "target_host" not in settings.temporal


def test_the_gateway_listens_on_loopback_unless_told_otherwise() -> None:
    assert GatewaySettings.load(DATABASE).gateway_host == "127.0.0.1"
    assert GatewaySettings.load(DATABASE | {"PEGLINE_GATEWAY_HOST": "0.0.0.0"}).gateway_host == "0.0.0.0"


def test_every_wrong_variable_is_named_with_its_value_and_what_is_allowed() -> None:
    with pytest.raises(SettingsError) as refused:
        GatewaySettings.load({"PEGLINE_GATEWAY_PORT": "eighty", "PEGLINE_TASK_QUEUE_PREFIX": "a b"})
    message = str(refused.value)
    assert "PEGLINE_GATEWAY_PORT is 'eighty'; allowed is a port from 1 to 65535" in message
    assert "PEGLINE_TASK_QUEUE_PREFIX is 'a b'; allowed is 1 to 60 letters" in message
    assert "PEGLINE_DATABASE_URL is not set; allowed is a PostgreSQL URL" in message


def test_an_empty_variable_counts_as_not_set() -> None:
    with pytest.raises(SettingsError, match="PEGLINE_DATABASE_URL is not set"):
        Settings.load({"PEGLINE_DATABASE_URL": ""})
    assert Settings.load(DATABASE | {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}).otlp_endpoint is None


def test_no_secret_is_shown_in_an_error_or_a_log() -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.load({"PEGLINE_DATABASE_URL": "mysql://root:hunter2@db/pegline"})
    assert "hunter2" not in str(refused.value)
    shown = repr(WorkerSettings.load(DATABASE | COUNTERPARTS))
    assert "s3cret" not in shown
    assert "pw@db" not in shown


def test_temporal_is_found_as_every_temporal_tool_finds_it(tmp_path: Path) -> None:
    profile = tmp_path / "temporal.toml"
    profile.write_text('[profile.factory]\naddress = "temporal.example:7233"\nnamespace = "pegline"\n')
    by_profile = Settings.load(
        DATABASE | {"TEMPORAL_CONFIG_FILE": str(profile), "TEMPORAL_PROFILE": "factory", "TEMPORAL_NAMESPACE": "night"}
    )
    assert by_profile.temporal["target_host"] == "temporal.example:7233"
    assert by_profile.temporal["namespace"] == "night"
    with pytest.raises(SettingsError, match="TEMPORAL_"):
        Settings.load(DATABASE | {"TEMPORAL_CONFIG_FILE": str(profile), "TEMPORAL_PROFILE": "unknown"})


def test_tools_keep_to_the_users_cache(tmp_path: Path) -> None:
    tools = ToolSettings.load({"XDG_CACHE_HOME": str(tmp_path), "TEMPORAL_CLI_PATH": "/opt/temporal"})
    assert tools.cache_directory == tmp_path / "pegline"
    assert tools.temporal_cli == Path("/opt/temporal")
    assert ToolSettings.load({}).cache_directory == Path.home() / ".cache" / "pegline"


def test_the_demo_is_told_when_set_up_began_and_whether_to_end_by_itself() -> None:
    tools = ToolSettings.load({"PEGLINE_SETUP_STARTED": "1780000000", "DEMO_EXIT": "1"})
    assert (tools.setup_started, tools.demo_exit) == (1_780_000_000.0, True)
    assert (ToolSettings.load({}).setup_started, ToolSettings.load({}).demo_exit) == (None, False)


def test_the_example_file_shows_every_variable_and_no_other() -> None:
    known = WorkerSettings.variables().keys() | GatewaySettings.variables().keys()
    shown = set(re.findall(r"^#? ?([A-Z_]+)=", Path(".env.example").read_text(), re.MULTILINE))
    ours = {name for name in shown if not name.startswith("TEMPORAL_")} - {"PEGLINE_DB_PASSWORD"}
    assert ours == known
