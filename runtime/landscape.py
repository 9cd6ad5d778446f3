"""The landscape of this process: the file that the settings name, or one system of each kind by their variables.

Decided here: how each log-on of a landscape becomes a client, and where its secrets come from. Not here: what a
landscape says (landscape), and who calls what (runtime.systems).
"""

import datetime as dt
import ssl
from collections.abc import Awaitable, Callable, Collection, Generator, Iterator, Mapping
from pathlib import Path

import httpx
from pydantic import SecretStr

from adapters.dialects import Dialects
from adapters.http import make_client
from adapters.oauth import ClientCredentials, TokenEndpoint, client_tls
from adapters.pace import Pace
from adapters.ports import PolicyPort, SupplierDialect
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
            user, password, auth = _logged_on(name, system, tls, lambda reference: _secret(reference, beside))
        except (SettingsError, OSError) as error:
            raise ValueError(f"log_on: {error}") from error
        return make_client(
            str(system.address or ""), user, password, system.timeout_seconds, pace=pace, auth=auth, tls=tls
        )

    return client_of


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
    return SystemPool(book, dialects, policies, client_of, now, pace_of)


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


def _logged_on(
    name: str, system: System, tls: ssl.SSLContext | None, secret_of: Callable[[Secret], SecretStr]
) -> tuple[str, str, httpx.Auth | None]:
    """User and password, or another log-on."""
    match system.log_on:
        case Basic() as basic:
            return basic.user, secret_of(basic.password).get_secret_value(), None
        case Bearer() as bearer:
            return "", "", BearerAuth(secret_of(bearer.token))
        case OAuthClient() as client:
            endpoint = TokenEndpoint(
                client.token_url,
                client.client_id,
                secret_of(client.client_secret) if client.client_secret is not None else None,
                client.scope,
                client.secret_in,
                client.more,
            )
            return "", "", ClientCredentials(endpoint, system=name, timeout_seconds=system.timeout_seconds, tls=tls)
        case _:
            return "", "", None


def _tls(certificate: Certificate | None, beside: Path) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    word = _secret(certificate.password, beside) if certificate.password is not None else None
    authority = beside / certificate.authority if certificate.authority else None
    return client_tls(beside / certificate.certificate, beside / certificate.key, passphrase=word, authority=authority)


def _secret(reference: Secret, beside: Path) -> SecretStr:
    if reference.env is not None:
        return secret(reference.env)
    path = beside / str(reference.file)
    text = path.read_text(encoding="utf-8").strip()
    if not text:
        raise SettingsError(f"{path} is empty; it is to hold a secret")
    return SecretStr(text)


__all__ = ["BearerAuth", "ChannelReaders", "TakeSlots", "clients", "landscape_of", "pool_of"]
