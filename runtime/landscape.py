"""The landscape of this process: the file that the settings name, or one system of each kind by their variables.

Decided here: how each log-on of a landscape becomes a client, and where its secrets come from. Not here: what a
landscape says (landscape), and who calls what (runtime.systems).
"""

import datetime as dt
import ssl
from collections.abc import Awaitable, Callable, Collection, Generator, Iterator, Mapping, Sequence
from pathlib import Path

import httpx
from pydantic import SecretStr

from adapters.dialects import Dialects
from adapters.http import make_client
from adapters.oauth import ClientCredentials, TokenEndpoint
from adapters.pace import Pace
from adapters.ports import PolicyPort, SupplierDialect
from adapters.tls import client_tls
from canonical.landscape import Domain, SystemKind, Systems
from landscape.book import LandscapeBook
from landscape.model import Basic, Bearer, Certificate, Channel, LogOn, NoLogOn, OAuthClient, Owner, Secret, System
from landscape.reading import LandscapeFile, Place
from policies.book import PolicyBook
from runtime.systems import ClientOf, SystemPool, faults_of
from settings import Counterpart, Settings, SettingsError, WorkerSettings, secret

_FROM_SETTINGS = Place("the settings PEGLINE_ERP_, PEGLINE_EDI_ and PEGLINE_APS_")


def landscape_of(settings: WorkerSettings) -> Path | LandscapeFile:
    """The file, or one ERP, one channel and one planning system for all plants."""
    if settings.landscape is not None:
        return settings.landscape
    names = Systems()
    sender = next(iter(settings.our_addresses), "")
    systems = {
        names.erp: _system(
            settings,
            SystemKind.ERP,
            "sap-v2",
            "PEGLINE_ERP",
            settings.erp,
            {"repeatable_requests": settings.erp_repeatable_requests},
        ),
        names.channel: _system(
            settings, SystemKind.SUPPLIER, "edifact", "PEGLINE_EDI", settings.edi, {"sender": sender} if sender else {}
        ),
        names.planning: _system(settings, SystemKind.PLANNING, "rest", "PEGLINE_APS", settings.aps, {}),
    }
    owners = (
        Owner(system=names.erp, domains=(Domain.ORDERS, Domain.MASTER_DATA)),
        Owner(system=names.planning, domains=(Domain.COVERAGE,)),
    )
    return LandscapeFile(
        _FROM_SETTINGS,
        {name: (system, _FROM_SETTINGS) for name, system in systems.items()},
        tuple((owner, _FROM_SETTINGS) for owner in owners),
        ((Channel(system=names.channel), _FROM_SETTINGS),),
    )


def _system(
    settings: WorkerSettings,
    kind: SystemKind,
    dialect: str,
    variables: str,
    reached: Counterpart,
    options: dict[str, str],
) -> System:
    log_on: LogOn = NoLogOn()
    if reached.user:
        log_on = Basic(method="basic", user=reached.user, password=Secret(env=f"{variables}_PASSWORD"))
    return System(
        kind=kind,
        dialect=dialect,
        address=reached.base_url,
        log_on=log_on,
        rate=reached.rate,
        timeout_seconds=settings.call_timeout_seconds,
        settle_seconds=settings.settle_seconds,
        second_create_seconds=settings.second_create_seconds,
        options=options,
    )


def clients(settings: Settings) -> ClientOf:
    """How systems are connected: each with its own client, address, log-on and pace."""
    beside = settings.landscape.parent if settings.landscape is not None else Path()

    def client_of(name: str, system: System, pace: Pace | None) -> httpx.AsyncClient:
        try:
            tls = _tls(system.tls, beside)
            user, password, auth = _logged_on(name, system, beside)
        except (SettingsError, OSError) as error:
            raise ValueError(f"log_on: {error}") from error
        return make_client(
            str(system.address or ""), user, password, system.timeout_seconds, pace=pace, auth=auth, tls=tls
        )

    return client_of


def files_of(settings: Settings) -> Callable[[System], Sequence[Path]]:
    """The files by which a system is logged on to: certificates, keys and secrets."""
    beside = settings.landscape.parent if settings.landscape is not None else Path()

    def named(system: System) -> Sequence[Path]:
        secrets = (value for value in vars(system.log_on).values() if isinstance(value, Secret))
        files = [secret.file for secret in secrets if secret.file]
        if (tls := system.tls) is not None:
            files += [file for file in (tls.certificate, tls.key, tls.authority) if file]
            files += [tls.password.file] if tls.password is not None and tls.password.file else []
        return [beside / file for file in files]

    return named


TakeSlots = Callable[[str, int, float], Awaitable[float]]
"""Takes so many slots of a system at its rate (ledger.inbox.call_slots)."""


def pool_of(
    settings: WorkerSettings,
    policies: PolicyPort | None = None,
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    take: TakeSlots | None = None,
) -> SystemPool:
    """The systems of the landscape; with `take`, at the pace of all workers together. Raises LandscapeError."""
    policies = policies or PolicyBook(settings.policy_directory, today=lambda: now().date())

    def pace_of(name: str, rate: float) -> Pace | None:
        return None if take is None else Pace(rate, lambda slots: take(name, slots, rate))

    dialects, client_of = Dialects(), clients(settings)
    book = LandscapeBook(
        landscape_of(settings), now=now, check=lambda found: faults_of(found, dialects, client_of, policies, now)
    )
    return SystemPool(book, dialects, policies, client_of, now, pace_of, files_of(settings))


class ChannelReaders(Mapping[str, SupplierDialect]):
    """Who reads what comes in by each channel: those of the landscape, by name; without one, `edifact`."""

    def __init__(self, book: LandscapeBook | None, our_addresses: Collection[str]) -> None:
        self._book, self._addresses = book, our_addresses
        self._dialects = Dialects()
        self._held: dict[str, SupplierDialect] = {}

    def __getitem__(self, channel: str) -> SupplierDialect:
        dialect = self._spoken()[channel]
        if dialect not in self._held:
            self._held[dialect] = self._dialects.channel(dialect).reader(self._addresses)
        return self._held[dialect]

    def __iter__(self) -> Iterator[str]:
        return iter(self._spoken())

    def __len__(self) -> int:
        return len(self._spoken())

    def _spoken(self) -> dict[str, str]:
        if self._book is None:
            return {"edifact": "edifact"}
        channels = self._book.present.of_kind(SystemKind.SUPPLIER)
        return {name: system.dialect for name, system in channels.items()}


class BearerAuth(httpx.Auth):
    """A token or key with each call."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send the token along."""
        request.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        yield request


def _logged_on(name: str, system: System, beside: Path) -> tuple[str, str, httpx.Auth | None]:
    """User and password, or another log-on."""
    match system.log_on:
        case Basic() as basic:
            return basic.user, _secret(basic.password, beside).get_secret_value(), None
        case Bearer() as bearer:
            return "", "", BearerAuth(_secret(bearer.token, beside))
        case OAuthClient() as client:
            endpoint = TokenEndpoint(
                client.token_url,
                client.client_id,
                _secret(client.client_secret, beside) if client.client_secret is not None else None,
                client.scope,
                client.secret_in,
                client.more,
            )
            # A token endpoint is mostly of another authority than the system itself.
            tls = _tls(system.tls, beside, machine_too=True)
            return "", "", ClientCredentials(endpoint, system=name, timeout_seconds=system.timeout_seconds, tls=tls)
        case _:
            return "", "", None


def _tls(written: Certificate | None, beside: Path, *, machine_too: bool = False) -> ssl.SSLContext | None:
    """`machine_too`: for the token endpoint, which is mostly of another authority than the system itself."""
    if written is None:
        return None
    certificate, key, authority = (
        beside / file if file else None for file in (written.certificate, written.key, written.authority)
    )
    word = _secret(written.password, beside) if written.password is not None else None
    return client_tls(certificate, key, passphrase=word, authority=authority, machine_too=machine_too)


def _secret(reference: Secret, beside: Path) -> SecretStr:
    if reference.env is not None:
        return secret(reference.env)
    path = beside / str(reference.file)
    text = path.read_text(encoding="utf-8").strip()
    if not text:
        raise SettingsError(f"{path} is empty; it is to hold a secret")
    return SecretStr(text)


__all__ = ["BearerAuth", "ChannelReaders", "TakeSlots", "clients", "files_of", "landscape_of", "pool_of"]
