"""The environment is read in one place, and its faults are reported so that they can be fixed."""

import re
from datetime import date
from pathlib import Path

import pytest

from settings import (
    AuditSettings,
    GatewaySettings,
    Settings,
    SettingsError,
    ToolSettings,
    WorkerSettings,
    environment_for_child,
)

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


ISSUER = {"PEGLINE_OIDC_ISSUER": "https://login.example/realms/factory", "PEGLINE_OIDC_CLIENT_SECRET": "s"}


def test_the_gateway_listens_beyond_loopback_only_where_it_asks_who_calls() -> None:
    assert GatewaySettings.load(DATABASE).gateway_host == "127.0.0.1"
    for host in ("::1", "localhost", "127.0.0.2"):
        assert GatewaySettings.load(DATABASE | {"PEGLINE_GATEWAY_HOST": host}).gateway_host == host
    everywhere = DATABASE | {"PEGLINE_GATEWAY_HOST": "0.0.0.0"}
    with pytest.raises(SettingsError, match="without PEGLINE_OIDC_ISSUER nobody is asked"):
        GatewaySettings.load(everywhere)
    served = GatewaySettings.load(everywhere | ISSUER | {"PEGLINE_GATEWAY_URL": "https://pegline.example/"})
    assert (served.gateway_host, served.public_url) == ("0.0.0.0", "https://pegline.example")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"PEGLINE_OIDC_CLIENT_SECRET": ""}, "PEGLINE_OIDC_CLIENT_SECRET is not set; PEGLINE_OIDC_ISSUER needs it"),
        ({"PEGLINE_GATEWAY_URL": "http://pegline.example"}, "PEGLINE_GATEWAY_URL is 'http://pegline.example'; allowed"),
        ({"PEGLINE_OIDC_ISSUER": "http://login.example"}, "PEGLINE_OIDC_ISSUER is 'http://login.example'; allowed is"),
        ({"PEGLINE_OIDC_ROLES": "head=boss"}, "PEGLINE_OIDC_ROLES is 'head=boss'; allowed is the issuer's names"),
        ({"PEGLINE_OIDC_SCOPES": "profile"}, "openid among them"),
    ],
)
def test_what_would_leave_log_ins_open_is_refused(changes: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        GatewaySettings.load(DATABASE | ISSUER | changes)
    assert said in str(refused.value)


def test_the_issuers_names_of_our_roles_are_read_as_pairs() -> None:
    names = "purchasing=buyer, purchasing head = manager"
    assert GatewaySettings.load(DATABASE | {"PEGLINE_OIDC_ROLES": names}).role_names == {
        "purchasing": "buyer",
        "purchasing head": "manager",
    }


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


def test_the_demo_knows_when_set_up_began_and_whether_to_end_by_itself() -> None:
    tools = ToolSettings.load({"PEGLINE_SETUP_STARTED": "1780000000", "DEMO_EXIT": "1"})
    assert (tools.setup_started, tools.demo_exit) == (1_780_000_000.0, True)
    assert (ToolSettings.load({}).setup_started, ToolSettings.load({}).demo_exit) == (None, False)


def test_the_demo_plays_on_the_day_that_is_given_and_else_on_the_machine_s() -> None:
    assert ToolSettings.load({"DEMO_TODAY": "2026-12-05"}).demo_today == date(2026, 12, 5)
    assert ToolSettings.load({"DEMO_TODAY": ""}).demo_today is None
    assert ToolSettings.load({}).demo_today is None


@pytest.mark.parametrize(
    "statement", ["5.12.2026", "2026-12", "2026-13-05", "2026-02-29", "tomorrow", "20261205", "1999-12-05"]
)
def test_a_day_that_the_demo_can_t_play_on_is_refused_with_what_is_allowed(statement: str) -> None:
    with pytest.raises(SettingsError, match=f"^DEMO_TODAY is '{statement}'; allowed is a day such as 2026-12-05"):
        ToolSettings.load({"DEMO_TODAY": statement})


def test_the_example_file_shows_every_variable_and_no_other() -> None:
    known = WorkerSettings.variables().keys() | GatewaySettings.variables().keys() | AuditSettings.variables().keys()
    shown = set(re.findall(r"^#? ?([A-Z_]+)=", Path(".env.example").read_text(), re.MULTILINE))
    ours = {name for name in shown if not name.startswith("TEMPORAL_")} - {
        "PEGLINE_DB_PASSWORD",
        "PEGLINE_POLICY_FILES",
        "PEGLINE_BACKUPS",
        "PEGLINE_BACKUP_HOURS",
        "PEGLINE_BACKUP_DAYS",
        "PEGLINE_TOKEN",
    }  # compose's own, and the console's
    assert ours == known


def secret(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def without(*names: str) -> dict[str, str]:
    return {name: value for name, value in (DATABASE | COUNTERPARTS).items() if name not in names}


def test_a_secret_comes_from_the_file_that_its_variable_names(tmp_path: Path) -> None:
    settings = WorkerSettings.load(
        without("PEGLINE_ERP_PASSWORD", "PEGLINE_DATABASE_URL")
        | {
            "PEGLINE_ERP_PASSWORD_FILE": secret(tmp_path / "erp", " pass word \r\n"),
            "PEGLINE_DATABASE_URL_FILE": secret(tmp_path / "db", "postgresql://pegline:pw@db/pegline"),
        },
        secrets_directory=tmp_path / "none",
    )
    assert settings.erp.password.get_secret_value() == " pass word "
    assert settings.database_url == "postgresql://pegline:pw@db/pegline"


@pytest.mark.parametrize("name", ["pegline_erp_password", "PEGLINE_ERP_PASSWORD"])
def test_a_mounted_secret_is_found_by_its_name_where_no_variable_is_set(tmp_path: Path, name: str) -> None:
    secret(tmp_path / name, "mounted\n")
    bare = without("PEGLINE_ERP_PASSWORD")
    by_file = bare | {"PEGLINE_ERP_PASSWORD_FILE": secret(tmp_path / "other", "named")}
    for environment, password in ((bare, "mounted"), (by_file, "named"), (DATABASE | COUNTERPARTS, "s3cret")):
        settings = WorkerSettings.load(environment, secrets_directory=tmp_path)
        assert settings.erp.password.get_secret_value() == password


def test_every_file_that_will_not_do_is_named_with_its_variable(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "pegline_database_url").write_text("mysql://root:hunter2@db/pegline")
    with pytest.raises(SettingsError) as refused:
        WorkerSettings.load(
            without("PEGLINE_DATABASE_URL", "PEGLINE_ERP_PASSWORD", "PEGLINE_EDI_PASSWORD", "PEGLINE_EDI_USER")
            | {
                "PEGLINE_ERP_PASSWORD_FILE": str(tmp_path / "missing"),
                "PEGLINE_EDI_PASSWORD_FILE": secret(tmp_path / "empty", "\n"),
                "PEGLINE_EDI_USER_FILE": str(tmp_path / "binary"),
                "PEGLINE_APS_PASSWORD_FILE": secret(tmp_path / "aps", "t0psecret"),
                "PEGLINE_APS_RATE": "fast",
            },
            secrets_directory=tmp_path,
        )
    assert sorted(str(refused.value).splitlines()) == [
        "PEGLINE_APS_PASSWORD and PEGLINE_APS_PASSWORD_FILE are both set; keep one of them",
        "PEGLINE_APS_RATE is 'fast'; allowed is calls per second, more than 0",
        f"PEGLINE_DATABASE_URL is refused (its value lies in {tmp_path}/pegline_database_url); allowed is a PostgreSQL"
        " URL such as postgresql://user:password@host:5432/pegline",
        f"PEGLINE_EDI_PASSWORD can't be read from {tmp_path}/empty: the file is empty",
        f"PEGLINE_EDI_USER can't be read from {tmp_path}/binary: it is not UTF-8",
        f"PEGLINE_ERP_PASSWORD can't be read from {tmp_path}/missing: No such file or directory",
    ]


def test_one_variable_given_twice_is_refused_even_if_nothing_else_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^PEGLINE_DATABASE_URL and PEGLINE_DATABASE_URL_FILE are both set"):
        Settings.load(DATABASE | {"PEGLINE_DATABASE_URL_FILE": secret(tmp_path / "db", "postgresql://db/pegline")})


def test_a_program_we_start_takes_the_value_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEGLINE_ERP_PASSWORD_FILE", "/nowhere")
    assert "PEGLINE_ERP_PASSWORD_FILE" not in environment_for_child(PEGLINE_ERP_PASSWORD="simulated")
