"""The composition of the gateway: the ledger, Temporal, policies, the landscape and who is told, in one process."""

import asyncio
import logging
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta

import httpx
import uvicorn

from adapters.dialects import Dialects
from adapters.http import make_client
from adapters.mail.smtp import MailServer, Security, SmtpMail
from adapters.ports import ReplyPort
from adapters.supplier.edifact.client import OUR_ADDRESS, EdifactSupplier
from adapters.webhook.client import WebhookClient, webhook_client
from gateway.access.access import Access, CallRates
from gateway.access.principal import CallerRole
from gateway.access.rates import Rate
from gateway.access.rules import AccessRules
from gateway.access.senders import Senders, SendersError
from gateway.app import create_app, utc_now
from gateway.intake.intake import Intake
from gateway.notifications.sender import Telling
from gateway.problems import Refusal
from gateway.tracing import correlation_in_hand
from landscape.book import LandscapeBook
from ledger.database import connect, migrate
from ledger.ledger import Ledger
from ledger.people.sessions import SessionLimits
from policies.book import PolicyBook
from policies.days import today_at
from policies.subscriptions import SubscriptionBook
from runtime import event_loop, logs
from runtime.collecting import Store, collect_all
from runtime.directory import EntityDirectory
from runtime.http_connections import TimedHttpProtocol
from runtime.landscape import ChannelReaders, clients, files_of
from runtime.plan_sources import PlansOfSystems
from runtime.system_documents import DocumentsOfSystems
from runtime.systems import SystemPool
from runtime.telemetry import exporting
from runtime.temporal import connect_temporal
from settings import GatewaySettings, SettingsError

log = logging.getLogger("pegline.gateway")


async def serve_gateway(settings: GatewaySettings, now: Callable[[], datetime] = utc_now) -> None:
    """Migrate the ledger's tables, then serve the gateway until it is stopped."""
    await migrate(settings.database_url)
    engine = await connect(settings.database_url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(engine.dispose)
        policies = PolicyBook(settings.policy_directory, today=lambda: now().date())
        subscriptions = SubscriptionBook(settings.subscriptions)
        ledger = Ledger(engine, subscriptions.present)
        client = await connect_temporal(settings)
        landscape = LandscapeBook(settings.landscape, now=now) if settings.landscape is not None else None
        pool = None
        if landscape is not None:
            pool = SystemPool(landscape, Dialects(), policies, clients(settings), now, files_of=files_of(settings))
            stack.push_async_callback(pool.close)
        ui = settings.temporal_ui_url
        app = create_app(
            ledger,
            EntityDirectory(client, settings.task_queue_prefix),
            ChannelReaders(landscape, settings.our_addresses),
            policies,
            today_at(policies.effective, now),
            now=now,
            host_names=settings.gateway_names.replace(",", " ").split(),
            replies=await _replies(settings, stack, pool),
            landscape=landscape,
            plan_sources=PlansOfSystems(pool, policies) if pool is not None else None,
            systems=DocumentsOfSystems(pool) if pool is not None else lambda name: None,
            access=await _access(settings, ledger, stack),
            senders=_senders(settings),
            telling=await _telling(settings, subscriptions, stack),
            temporal_ui=f"{ui.rstrip('/')}/namespaces/{client.namespace}" if ui else "",
        )
        if pool is not None:
            collecting = collect_all(pool, _storing(app.state.parts.intake), settings.collect_seconds)
            stack.callback(asyncio.create_task(collecting).cancel)
        config = uvicorn.Config(
            app,
            host=settings.gateway_host,
            port=settings.gateway_port,
            log_config=None,
            access_log=False,
            server_header=False,
            http=TimedHttpProtocol,
            timeout_graceful_shutdown=5,
        )
        await uvicorn.Server(config).serve()


async def _access(settings: GatewaySettings, ledger: Ledger, stack: AsyncExitStack) -> Access | None:
    """Identifies callers by the issuer; None where none is set."""
    if settings.oidc_issuer is None:
        return None
    http = await stack.enter_async_context(
        httpx.AsyncClient(timeout=5, trust_env=False, verify=ssl.create_default_context())
    )
    rules = AccessRules(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret.get_secret_value(),
        gateway_url=settings.public_url,
        audience=settings.oidc_audience,
        scopes=settings.oidc_scopes,
        role_claims=tuple(settings.oidc_roles_claim.split()),
        plant_claim=settings.oidc_plants_claim,
        plant_prefix=settings.oidc_plants_prefix,
        roles={
            **{str(role): role for role in CallerRole},
            **{name: CallerRole(role) for name, role in settings.role_names.items()},
        },
        roles_kept=timedelta(seconds=settings.roles_seconds),
        limits=SessionLimits(timedelta(minutes=settings.session_idle_minutes), timedelta(hours=settings.session_hours)),
    )
    person, program = settings.person_rate, settings.program_rate
    return Access(rules, http, ledger, rates=CallRates(Rate(person, 10 * person), Rate(program, 5 * program)))


def _senders(settings: GatewaySettings) -> Senders | None:
    """Those who may send; None where nobody is named. Raises SettingsError."""
    try:
        return Senders.read(settings.senders) if settings.senders else None
    except SendersError as error:
        raise SettingsError(str(error)) from error


async def _replies(
    settings: GatewaySettings, stack: AsyncExitStack, pool: SystemPool | None
) -> Callable[[str], ReplyPort | None] | None:
    """Sends the acknowledgements that suppliers ask for, each by its channel; None where no EDI gateway is set."""
    if pool is not None:
        return pool.replies
    if settings.edi_url is None:
        return None
    http = make_client(str(settings.edi_url), settings.edi_user, settings.edi_password.get_secret_value())
    address = next(iter(settings.our_addresses), OUR_ADDRESS)
    supplier = EdifactSupplier(await stack.enter_async_context(http), sender=address)
    return lambda channel: supplier


def _storing(intake: Intake) -> Store:
    """Stores what was collected as if it had been posted; what is refused is a dead letter by then."""

    async def store(channel: str, body: bytes, content_type: str, key: str) -> None:
        try:
            await intake.document(channel, body, content_type, key)
        except Refusal as refusal:
            log.warning("document %s of channel %s is a dead letter: %s", key, channel, refusal.problem.detail)

    return store


async def _telling(settings: GatewaySettings, subscriptions: SubscriptionBook, stack: AsyncExitStack) -> Telling | None:
    """Tells subscribers what happens; None where no file of subscriptions is set."""
    if settings.subscriptions is None:
        return None
    http = await stack.enter_async_context(webhook_client())
    return Telling(
        subscriptions=subscriptions.present,
        webhooks=WebhookClient(http),
        mails=_mails(settings),
        public_url=settings.public_url,
        faults=lambda: subscriptions.faults,
    )


def _mails(settings: GatewaySettings) -> SmtpMail | None:
    """Sends mails; None where no mail server is set. Raises SettingsError where it is set without a sender."""
    if not settings.smtp_host:
        return None
    if not settings.mail_from:
        raise SettingsError("PEGLINE_MAIL_FROM is not set; with PEGLINE_SMTP_HOST it is the address mails come from")
    return SmtpMail(
        MailServer(
            host=settings.smtp_host,
            port=settings.smtp_port,
            security=Security(settings.smtp_security),
            sender=settings.mail_from,
            user=settings.smtp_user,
            password=settings.smtp_password.get_secret_value(),
            authorities=str(settings.smtp_authorities or ""),
        )
    )


def run_gateway(now: Callable[[], datetime] = utc_now) -> int:
    """Run the gateway with the settings of the environment."""
    settings = GatewaySettings.load()
    logs.configure(settings.log_format, settings.log_level, correlation_in_hand)
    with exporting("pegline-gateway", settings.otlp_endpoint):
        event_loop.run(serve_gateway(settings, now))
    return 0


__all__ = ["run_gateway", "serve_gateway"]
