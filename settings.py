"""Settings: the only reader of the environment.

It defines which variables there are, which values each may have, and the error messages for wrong ones.
A variable that is not in the environment may be in the file `.env` of the current directory. Its value may also be in a
file of its own: the one that PEGLINE_…_FILE names, or the one in /run/secrets with the variable's name.
Temporal's own variables and profiles are read by temporalio.envconfig, so that they mean the same as in every other
Temporal tool.
How a setting is used is decided elsewhere (worker.py, gateway, tools).
"""

import io
import ipaddress
import os
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from temporalio.envconfig import ClientConfig, ClientConnectConfig

_HTTP_URL = r"^https?://[^\s/]+\S*$"
_DATABASE_URL = r"^postgresql(\+asyncpg)?://\S+$"
_ENV_FILE = "PEGLINE_ENV_FILE"
_SECRETS_DIRECTORY = Path("/run/secrets")
_DEMO_YEARS = (2020, 2099)
_RATE = "calls per second, more than 0"
_ROLE = r"[^=,]+=\s*(?:planner|buyer|manager|operator|system)\s*"
_ROLE_NAMES = rf"^(?:{_ROLE}(?:,{_ROLE})*)?$"

_ONE_OF_EACH = tuple(
    f"PEGLINE_{system}_{what}" for system in ("ERP", "EDI", "APS") for what in ("URL", "USER", "PASSWORD")
)
"""What a worker needs without a landscape file."""

Rate = Annotated[float, Field(gt=0, le=100_000)]
Seconds = Annotated[float, Field(gt=0, le=3_600)]
SweepSeconds = Annotated[float, Field(ge=0, le=86_400)]
Port = Annotated[int, Field(ge=1, le=65_535)]
HttpUrl = Annotated[str, Field(pattern=_HTTP_URL)]


class LogFormat(StrEnum):
    """The format of log lines."""

    TEXT = "text"
    JSON = "json"


class ReplayGuard(StrEnum):
    """What a worker does that can't replay open runs."""

    REFUSE = "refuse"
    WARN = "warn"


class SettingsError(Exception):
    """Settings that a process needs are missing or wrong; the message names every such variable."""


class Counterpart(NamedTuple):
    """Address and login of a counterpart; `rate` in calls per second over all workers of its queue."""

    base_url: str
    user: str
    password: SecretStr
    rate: float


class Settings(BaseModel):
    """Settings of every process. A field's alias is its variable; its description gives the allowed values."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    database_url: str = Field(
        alias="PEGLINE_DATABASE_URL",
        pattern=_DATABASE_URL,
        repr=False,
        description="a PostgreSQL URL such as postgresql://user:password@host:5432/pegline",
    )
    policy_directory: Path = Field(
        default=Path("policies"), alias="PEGLINE_POLICY_DIRECTORY", description="a directory of plant policies"
    )
    subscriptions: Path | None = Field(
        default=None,
        alias="PEGLINE_SUBSCRIPTIONS",
        description="a TOML file of who is told of what (docs/notifications.md)",
    )
    task_queue_prefix: str = Field(
        default="pegline",
        alias="PEGLINE_TASK_QUEUE_PREFIX",
        pattern=r"^[A-Za-z0-9_-]{1,60}$",
        description="1 to 60 letters, digits, dashes or underscores",
    )
    otlp_endpoint: HttpUrl | None = Field(
        default=None,
        alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description="the http(s) URL of an OTLP/HTTP collector, such as http://collector:4318",
    )
    log_format: LogFormat = Field(
        default=LogFormat.TEXT, alias="PEGLINE_LOG_FORMAT", description="text, or json for log collectors"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", alias="PEGLINE_LOG_LEVEL", description="DEBUG, INFO, WARNING or ERROR"
    )
    edi_addresses: str = Field(
        default="",
        alias="PEGLINE_EDI_ADDRESSES",
        pattern=r"^[^+:'?\s,]{0,35}(?:[,\s]+[^+:'?\s,]{1,35})*$",
        description="our interchange addresses, with commas between them, the one that we write from first",
    )
    landscape: Path | None = Field(
        default=None,
        alias="PEGLINE_LANDSCAPE",
        description="a TOML file of all systems and what they own (docs/landscape.md)",
    )
    _temporal: ClientConnectConfig = PrivateAttr(default_factory=ClientConnectConfig)

    @property
    def our_addresses(self) -> list[str]:
        """Our interchange addresses; empty where none is set."""
        return self.edi_addresses.replace(",", " ").split()

    @property
    def temporal(self) -> ClientConnectConfig:
        """Arguments of `Client.connect`; no target_host where neither TEMPORAL_ADDRESS nor a profile gives one."""
        return self._temporal

    @classmethod
    def load(
        cls, environment: Mapping[str, str] | None = None, *, secrets_directory: Path = _SECRETS_DIRECTORY
    ) -> Self:
        """The settings in `environment` (this process's and its .env file's where left out).

        Empty variables count as not set. Raises SettingsError, which names each wrong variable, its value and what is
        allowed.
        """
        complete = with_env_file(os.environ) if environment is None else environment
        given = {name: value for name, value in complete.items() if value}
        files = _ValueFiles(given, cls.variables(), secrets_directory)
        missing = cls._missing({**given, **files.paths})
        try:
            settings = cls.model_validate(given | files.values)
        except ValidationError as refused:
            raise SettingsError("\n".join(files.faults + _explain(cls, refused, given, files) + missing)) from None
        if files.faults or missing:
            raise SettingsError("\n".join(files.faults + missing))
        settings._temporal = temporal_connection(given)
        return settings

    @classmethod
    def _missing(cls, given: Mapping[str, str]) -> list[str]:
        """What is needed only with other settings, and not there."""
        return []

    @classmethod
    def variables(cls) -> dict[str, str]:
        """Every variable that is read, with its allowed values."""
        return {field.alias: field.description or "" for field in cls.model_fields.values() if field.alias}


class AuditSettings(Settings):
    """Additional settings of `cli.py audit`: the keys for checkpoints, in PEM."""

    audit_key: SecretStr | None = Field(
        default=None, alias="PEGLINE_AUDIT_KEY", description="an Ed25519 private key in PEM, which signs checkpoints"
    )
    audit_public_key: str | None = Field(
        default=None, alias="PEGLINE_AUDIT_PUBLIC_KEY", description="the public key in PEM of whoever signs checkpoints"
    )


class WorkerSettings(Settings):
    """Additional settings of a worker: the counterparts, where there is one of each kind and no landscape file."""

    erp_url: HttpUrl = Field(default="", alias="PEGLINE_ERP_URL", description="the http(s) base URL of the ERP")
    erp_user: str = Field(default="", alias="PEGLINE_ERP_USER", description="the user at the ERP")
    erp_password: SecretStr = Field(
        default=SecretStr(""), alias="PEGLINE_ERP_PASSWORD", description="that user's password"
    )
    erp_rate: Rate = Field(default=100.0, alias="PEGLINE_ERP_RATE", description=_RATE)
    edi_url: HttpUrl = Field(default="", alias="PEGLINE_EDI_URL", description="the http(s) base URL of the EDI gateway")
    edi_user: str = Field(default="", alias="PEGLINE_EDI_USER", description="the user at the EDI gateway")
    edi_password: SecretStr = Field(
        default=SecretStr(""), alias="PEGLINE_EDI_PASSWORD", description="that user's password"
    )
    edi_rate: Rate = Field(default=50.0, alias="PEGLINE_EDI_RATE", description=_RATE)
    aps_url: HttpUrl = Field(
        default="", alias="PEGLINE_APS_URL", description="the http(s) base URL of the planning system"
    )
    aps_user: str = Field(default="", alias="PEGLINE_APS_USER", description="the user at the planning system")
    aps_password: SecretStr = Field(
        default=SecretStr(""), alias="PEGLINE_APS_PASSWORD", description="that user's password"
    )
    aps_rate: Rate = Field(default=50.0, alias="PEGLINE_APS_RATE", description=_RATE)
    settle_seconds: Seconds = Field(
        default=5.0,
        alias="PEGLINE_SETTLE_SECONDS",
        description="seconds, up to 3600: how long after a call of unknown outcome a document may still appear",
    )
    second_create_seconds: Seconds = Field(
        default=60.0,
        alias="PEGLINE_SECOND_CREATE_SECONDS",
        description="seconds, up to 3600: how long after a lost answer a document is not created a second time",
    )
    erp_repeatable_requests: Literal["on", "off"] = Field(
        default="on",
        alias="PEGLINE_ERP_REPEATABLE_REQUESTS",
        description="on, or off where the ERP's idempotency framework is not set up",
    )
    duplicate_sweep_seconds: SweepSeconds = Field(
        default=900.0,
        alias="PEGLINE_DUPLICATE_SWEEP_SECONDS",
        description="seconds between two looks for duplicate orders in the ERP, up to 86400; 0: none",
    )
    call_timeout_seconds: Seconds = Field(
        default=10.0,
        alias="PEGLINE_CALL_TIMEOUT_SECONDS",
        description="seconds, up to 3600: how long one call to a counterpart may take",
    )
    replay_guard: ReplayGuard = Field(
        default=ReplayGuard.REFUSE,
        alias="PEGLINE_REPLAY_GUARD",
        description="refuse, or warn to serve although open runs can't be replayed",
    )
    health_host: str = Field(
        default="127.0.0.1",
        alias="PEGLINE_HEALTH_HOST",
        pattern=r"^\S+$",
        description="an address or host name of this machine",
    )
    health_port: Port | None = Field(
        default=None,
        alias="PEGLINE_HEALTH_PORT",
        description="a port from 1 to 65535 for /healthz and /readyz; none is opened where left out",
    )
    metrics_host: str = Field(
        default="127.0.0.1",
        alias="PEGLINE_METRICS_HOST",
        pattern=r"^[0-9.]+$|^\[[0-9a-fA-F:]+\]$",
        description="an IP address of this machine, IPv6 in brackets",
    )
    metrics_port: Port | None = Field(
        default=None,
        alias="PEGLINE_METRICS_PORT",
        description="a port from 1 to 65535 for /metrics in Prometheus' format; none is opened where left out",
    )

    @classmethod
    def _missing(cls, given: Mapping[str, str]) -> list[str]:
        """A worker has a landscape, or one system of each kind."""
        if given.get("PEGLINE_LANDSCAPE"):
            return []
        known = cls.variables()
        return [f"{name} is not set; allowed is {known[name]}" for name in _ONE_OF_EACH if name not in given]

    @property
    def erp(self) -> Counterpart:
        """The ERP."""
        return Counterpart(self.erp_url, self.erp_user, self.erp_password, self.erp_rate)

    @property
    def edi(self) -> Counterpart:
        """The EDI gateway to the suppliers."""
        return Counterpart(self.edi_url, self.edi_user, self.edi_password, self.edi_rate)

    @property
    def aps(self) -> Counterpart:
        """The planning system."""
        return Counterpart(self.aps_url, self.aps_user, self.aps_password, self.aps_rate)


class GatewaySettings(Settings):
    """Additional settings of the gateway: where it listens, and by which issuer it identifies callers.

    Without an issuer nobody is asked who they are: it then listens on loopback alone.
    """

    gateway_host: str = Field(
        default="127.0.0.1",
        alias="PEGLINE_GATEWAY_HOST",
        pattern=r"^\S+$",
        description="an address or host name of this machine",
    )
    gateway_port: Port = Field(default=8080, alias="PEGLINE_GATEWAY_PORT", description="a port from 1 to 65535")
    gateway_names: str = Field(
        default="",
        alias="PEGLINE_GATEWAY_NAMES",
        pattern=r"^[A-Za-z0-9., -]*$",
        description="host names by which the gateway is called, with commas between them",
    )
    temporal_ui_url: HttpUrl | None = Field(
        default=None,
        alias="PEGLINE_TEMPORAL_UI_URL",
        description="the http(s) URL of Temporal's UI, to which the operators' pages link",
    )
    collect_seconds: SweepSeconds = Field(
        default=60.0,
        alias="PEGLINE_COLLECT_SECONDS",
        description="seconds between two looks for suppliers' documents that a channel keeps, up to 86400; 0: none",
    )
    edi_url: HttpUrl | None = Field(
        default=None, alias="PEGLINE_EDI_URL", description="the http(s) base URL of the EDI gateway"
    )
    edi_user: str = Field(default="", alias="PEGLINE_EDI_USER", description="the user at the EDI gateway")
    edi_password: SecretStr = Field(
        default=SecretStr(""), alias="PEGLINE_EDI_PASSWORD", description="that user's password"
    )
    gateway_url: HttpUrl | None = Field(
        default=None,
        alias="PEGLINE_GATEWAY_URL",
        description="the address by which browsers reach the gateway, such as https://pegline.example.com",
    )
    smtp_host: str = Field(
        default="", alias="PEGLINE_SMTP_HOST", pattern=r"^\S*$", description="the host name of a mail server"
    )
    smtp_port: Port = Field(default=587, alias="PEGLINE_SMTP_PORT", description="a port from 1 to 65535")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", alias="PEGLINE_SMTP_SECURITY", description="starttls, tls or none"
    )
    smtp_authorities: Path | None = Field(
        default=None,
        alias="PEGLINE_SMTP_AUTHORITIES",
        description="a file in PEM with the authorities that the mail server's certificate is checked by",
    )
    smtp_user: str = Field(default="", alias="PEGLINE_SMTP_USER", description="the user at the mail server")
    smtp_password: SecretStr = Field(
        default=SecretStr(""), alias="PEGLINE_SMTP_PASSWORD", description="that user's password"
    )
    mail_from: str = Field(
        default="",
        alias="PEGLINE_MAIL_FROM",
        pattern=r"^([A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+[A-Za-z0-9])?$",
        description="the address that mails come from, such as pegline@example.com",
    )
    oidc_issuer: HttpUrl | None = Field(
        default=None,
        alias="PEGLINE_OIDC_ISSUER",
        description="the issuer's http(s) URL, such as https://keycloak.example.com/realms/factory",
    )
    oidc_client_id: str = Field(
        default="pegline", alias="PEGLINE_OIDC_CLIENT_ID", min_length=1, description="the gateway's client id there"
    )
    oidc_client_secret: SecretStr = Field(
        default=SecretStr(""), alias="PEGLINE_OIDC_CLIENT_SECRET", description="that client's secret"
    )
    oidc_audience: str = Field(
        default="pegline",
        alias="PEGLINE_OIDC_AUDIENCE",
        min_length=1,
        description="what access tokens must name as their audience (aud)",
    )
    oidc_scopes: str = Field(
        default="openid profile email",
        alias="PEGLINE_OIDC_SCOPES",
        pattern=r"^(?:.* )?openid(?: .*)?$",
        description="scopes of a log-in with blanks between them, openid among them",
    )
    oidc_roles_claim: str = Field(
        default="realm_access.roles roles groups",
        alias="PEGLINE_OIDC_ROLES_CLAIM",
        pattern=r"\S",
        description="claims that hold roles or groups, with blanks between them; dots lead into a claim",
    )
    oidc_plants_claim: str = Field(
        default="plants",
        alias="PEGLINE_OIDC_PLANTS_CLAIM",
        pattern=r"^\S+$",
        description="the claim that holds a caller's plants, * for all; dots lead into a claim",
    )
    oidc_plants_prefix: str = Field(
        default="",
        alias="PEGLINE_OIDC_PLANTS_PREFIX",
        description="how values of that claim begin which are plants, where it holds others too",
    )
    oidc_roles: str = Field(
        default="",
        alias="PEGLINE_OIDC_ROLES",
        pattern=_ROLE_NAMES,
        description="the issuer's names of our roles, such as purchasing=buyer, purchasing-head=manager; ours where "
        "left out: planner, buyer, manager, operator, system",
    )
    session_idle_minutes: Annotated[int, Field(ge=1, le=1_440)] = Field(
        default=60,
        alias="PEGLINE_SESSION_IDLE_MINUTES",
        description="minutes, up to 1440, after which an unused session ends",
    )
    session_hours: Annotated[int, Field(ge=1, le=72)] = Field(
        default=12, alias="PEGLINE_SESSION_HOURS", description="hours, up to 72, after which any session ends"
    )
    roles_seconds: Annotated[int, Field(ge=5, le=3_600)] = Field(
        default=60,
        alias="PEGLINE_ROLES_SECONDS",
        description="seconds, 5 to 3600, after which the issuer is asked again for roles and plants of a session",
    )
    person_rate: Rate = Field(default=50.0, alias="PEGLINE_PERSON_RATE", description=_RATE)
    program_rate: Rate = Field(default=2_000.0, alias="PEGLINE_PROGRAM_RATE", description=_RATE)
    senders: Path | None = Field(
        default=None, alias="PEGLINE_SENDERS", description="a TOML file of the systems that sign what they send"
    )

    @property
    def public_url(self) -> str:
        """The address by which browsers reach the gateway, without a slash at its end."""
        return (self.gateway_url or f"http://{self.gateway_host}:{self.gateway_port}").rstrip("/")

    @property
    def role_names(self) -> dict[str, str]:
        """Our role by the issuer's name of it, where they are not the same."""
        pairs = (pair.partition("=") for pair in self.oidc_roles.split(",") if pair.strip())
        return {name.strip(): role.strip() for name, _, role in pairs}

    @model_validator(mode="after")
    def _sound(self) -> Self:
        """Nobody unknown may reach it from elsewhere, and no session travels unprotected."""
        faults = []
        if self.oidc_issuer is None:
            if not _is_loopback(self.gateway_host):
                faults.append(
                    f"PEGLINE_GATEWAY_HOST is {self.gateway_host!r}: without PEGLINE_OIDC_ISSUER nobody is asked who "
                    "they are, so that only 127.0.0.1, ::1 or localhost is allowed (docs/access.md)"
                )
        else:
            if not self.oidc_client_secret.get_secret_value():
                faults.append("PEGLINE_OIDC_CLIENT_SECRET is not set; PEGLINE_OIDC_ISSUER needs it")
            for name, url in (("PEGLINE_GATEWAY_URL", self.public_url), ("PEGLINE_OIDC_ISSUER", self.oidc_issuer)):
                if url.startswith("http://") and not _is_loopback(urlsplit(url).hostname or ""):
                    faults.append(f"{name} is {url!r}; allowed is an https address, or an http one of this machine")
        if faults:
            raise PydanticCustomError("unsound", "{faults}", {"faults": "\n".join(faults)})
        return self


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def policy_directory(environment: Mapping[str, str] | None = None) -> Path:
    """The policy directory, for commands that need no other setting."""
    given = with_env_file(os.environ) if environment is None else environment
    field = Settings.model_fields["policy_directory"]
    return Path(given.get(str(field.alias)) or field.default)


def secret(variable: str, environment: Mapping[str, str] | None = None) -> SecretStr:
    """The value of a variable that the landscape refers to, from wherever settings may be. Raises SettingsError."""
    complete = with_env_file(os.environ) if environment is None else environment
    given = {name: value for name, value in complete.items() if value}
    files = _ValueFiles(given, [variable], _SECRETS_DIRECTORY)
    if files.faults:
        raise SettingsError("\n".join(files.faults))
    found = given.get(variable) or files.values.get(variable)
    if not found:
        raise SettingsError(f"{variable} is not set; it is a secret that the landscape refers to")
    return SecretStr(found)


def access_token(environment: Mapping[str, str] | None = None) -> SecretStr | None:
    """PEGLINE_TOKEN, with which the console calls the gateway; None where none is set. Raises SettingsError."""
    complete = with_env_file(os.environ) if environment is None else environment
    given = {name: value for name, value in complete.items() if value}
    files = _ValueFiles(given, ["PEGLINE_TOKEN"], _SECRETS_DIRECTORY)
    if files.faults:
        raise SettingsError("\n".join(files.faults))
    found = given.get("PEGLINE_TOKEN") or files.values.get("PEGLINE_TOKEN")
    return SecretStr(found.strip()) if found else None


class ToolSettings(NamedTuple):
    """Settings of the demo and of set-up on a developer's machine."""

    temporal: ClientConnectConfig
    temporal_cli: Path | None
    """TEMPORAL_CLI_PATH."""
    chromium: Path | None
    """CHROMIUM_PATH: the browser of the tests."""
    sap_edmx: Path | None
    """PEGLINE_SAP_EDMX: a directory with SAP's OData metadata, which are not ours to keep."""
    cache_directory: Path
    """Pegline's directory in the user's cache: $XDG_CACHE_HOME/pegline or ~/.cache/pegline."""
    demo_today: date | None
    """DEMO_TODAY: the date on which the demo is set; None: today."""
    demo_exit: bool
    """DEMO_EXIT: the demo exits by itself, even on a terminal."""
    setup_started: float | None
    """PEGLINE_SETUP_STARTED: the Unix time at which set-up began (the Makefile's)."""
    fuzz_seconds: int | None = None
    """FUZZ_SECONDS: for how long the API is fuzzed; None: briefly, with the same calls each time."""

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None) -> Self:
        """The tools' settings in `environment` (this process's where left out). Raises SettingsError."""
        given = os.environ if environment is None else environment
        cli = given.get("TEMPORAL_CLI_PATH")
        cache = given.get("XDG_CACHE_HOME")
        return cls(
            temporal=temporal_connection(given),
            temporal_cli=Path(cli) if cli else None,
            chromium=Path(given["CHROMIUM_PATH"]) if given.get("CHROMIUM_PATH") else None,
            sap_edmx=Path(given["PEGLINE_SAP_EDMX"]) if given.get("PEGLINE_SAP_EDMX") else None,
            cache_directory=(Path(cache) if cache else Path.home() / ".cache") / "pegline",
            demo_today=_demo_today(given.get("DEMO_TODAY", "")),
            demo_exit=bool(given.get("DEMO_EXIT")),
            setup_started=float(given["PEGLINE_SETUP_STARTED"]) if given.get("PEGLINE_SETUP_STARTED") else None,
            fuzz_seconds=int(given["FUZZ_SECONDS"]) if given.get("FUZZ_SECONDS", "").isdecimal() else None,
        )


def with_env_file(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment`, completed from the .env file; a variable that is set but empty counts as set.

    Values are used as written, without expanding variables in them. Raises SettingsError if the file can't be read, or
    if PEGLINE_ENV_FILE names a file that does not exist.
    """
    named = environment.get(_ENV_FILE)
    path = Path(named or ".env")
    if not named and not path.is_file():
        return dict(environment)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as refused:
        raise SettingsError(f"the settings file {path} can't be read: {refused}") from refused
    written = dotenv_values(stream=io.StringIO(text), interpolate=False)
    left_open = {
        name: value
        for name, value in written.items()
        # A variable in the environment wins over either form (plain or _FILE) in the .env file.
        if value is not None and not environment.get(f"{name}_FILE") and not environment.get(name.removesuffix("_FILE"))
    }
    return {**left_open, **environment}


def _demo_today(statement: str) -> date | None:
    if not statement:
        return None
    try:
        # Of the ISO 8601 date formats, only the unambiguous one.
        day = datetime.strptime(statement, "%Y-%m-%d").date()  # noqa: DTZ007
    except ValueError:
        day = None
    if day is None or len(statement) != 10 or not _DEMO_YEARS[0] <= day.year <= _DEMO_YEARS[1]:
        first, last = _DEMO_YEARS
        raise SettingsError(f"DEMO_TODAY is {statement!r}; allowed is a day such as 2026-12-05, from {first} to {last}")
    return day


def temporal_connection(environment: Mapping[str, str]) -> ClientConnectConfig:
    """Arguments of `Client.connect` from Temporal's variables and profile. Raises SettingsError."""
    try:
        return ClientConfig.load_client_connect_config(override_env_vars=dict(environment))
    except (RuntimeError, ValueError, OSError) as refused:
        raise SettingsError(f"Temporal's settings (TEMPORAL_* or profile) can't be read: {refused}") from refused


def environment_for_child(**changes: str | None) -> dict[str, str]:
    """This process's environment with `changes`, for a child process; None removes a variable.

    The child reads no .env file: that belongs to a real installation, and the child may be part of a demo.
    """
    files = {f"{name}_FILE": None for name in changes if name.startswith("PEGLINE_")}
    merged: dict[str, str | None] = {**os.environ, _ENV_FILE: os.devnull, **files, **changes}
    return {name: value for name, value in merged.items() if value is not None}


class _ValueFiles:
    """Values of variables that are read from files, and the faults of those files."""

    def __init__(self, given: Mapping[str, str], variables: Iterable[str], secrets_directory: Path) -> None:
        self.values: dict[str, str] = {}
        self.paths: dict[str, str] = {}
        self.faults: list[str] = []
        for name in variables:
            if not name.startswith("PEGLINE_"):
                continue
            named = given.get(f"{name}_FILE")
            mounted = (str(secrets_directory / each) for each in (name, name.lower()))
            if name in given and named:
                self.faults.append(f"{name} and {name}_FILE are both set; keep one of them")
            elif name not in given and (path := named or next(filter(os.path.isfile, mounted), None)):
                self._read(name, path)

    def _read(self, name: str, path: str) -> None:
        self.paths[name] = path
        try:
            value = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as refused:
            reason = refused.strerror if isinstance(refused, OSError) else "it is not UTF-8"
            self.faults.append(f"{name} can't be read from {path}: {reason}")
            return
        if value:
            self.values[name] = value
        else:
            self.faults.append(f"{name} can't be read from {path}: the file is empty")


def _explain(
    model: type[Settings], refused: ValidationError, given: Mapping[str, str], files: _ValueFiles
) -> list[str]:
    fields: dict[str, Any] = {str(field.alias): field for field in model.model_fields.values()}
    lines = []
    for error in refused.errors(include_input=False, include_url=False):
        if not error["loc"]:
            lines.append(error["msg"])  # of several settings together
            continue
        name = str(error["loc"][0])
        field = fields[name]
        if name in files.paths and name not in files.values:
            continue
        if name in files.values:
            says = f"is refused (its value lies in {files.paths[name]})"
        elif name not in given:
            says = "is not set"
        elif not field.repr or field.annotation is SecretStr:
            says = "is refused (its value is a secret)"
        else:
            says = f"is {given[name]!r}"
        lines.append(f"{name} {says}; allowed is {field.description}")
    return lines
