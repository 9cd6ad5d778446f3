"""The console, and the composition root of the gateway.

python cli.py demo      run the demo on servers of its own
python cli.py up        run worker, gateway and servers; state is kept
python cli.py gateway   run the gateway alone, with the settings of the environment
python cli.py plan run FILE --source S --plant P --version N    deliver a whole plan and watch its progress
python cli.py plan run FILE … --dry-run   what a plan would change; nothing happens
python cli.py plan report S P N --out F   the outcome of every line of a plan
python cli.py policy explain --plant P    the effective policy, and the file each value comes from
python cli.py policy backtest --candidate DIR --since DAY    what other policies would have decided
python cli.py audit checkpoint --out F    the newest audit event of each entity, signed
python cli.py audit verify --checkpoint F check that no audit event has changed since it was recorded
python cli.py kpis rebuild                measure the KPIs again from the audit events
python cli.py people seen SUBJECT         prices that a person saw, and questions they decided
python cli.py people erase SUBJECT        forget a person's name and address
python cli.py erp duplicates [--since DAY]  documents of ours that the ERP holds twice
python cli.py landscape check             try every system that Pegline works with
python cli.py landscape explain PLANT     which system owns what there, by which line
python cli.py adapter new erp NAME        lay out the package of an adapter of your own
python cli.py observe report [--day DAY]  what Pegline would have ordered, beside what people did
python cli.py trace plant/item/key        what happened to a requirement, and why
python cli.py exceptions list             questions waiting for a person
python cli.py decide EXCEPTION CHOICE     decide an exception in its current state
"""

import argparse
import asyncio
import logging
import ssl
import sys
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
from console import adapter as adapter_commands
from console import audit as audit_commands
from console import erp as erp_commands
from console import exceptions as exception_commands
from console import kpis as kpi_commands
from console import landscape as landscape_commands
from console import observe as observe_commands
from console import people as people_commands
from console import plan as plan_commands
from console import policy as policy_commands
from console.http import DEFAULT_GATEWAY, GatewayRefusal, ask
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
from landscape.reading import LandscapeError
from ledger.database import connect, migrate
from ledger.ledger import Ledger
from ledger.people.sessions import SessionLimits
from policies.book import PolicyBook
from policies.days import today_at
from policies.reading import PolicyError
from policies.subscriptions import SubscriptionBook
from runtime import event_loop, logs
from runtime.collecting import Store, collect_all
from runtime.directory import EntityDirectory
from runtime.http_connections import TimedHttpProtocol
from runtime.landscape import ChannelReaders, clients
from runtime.plan_sources import PlansOfSystems
from runtime.system_documents import DocumentsOfSystems
from runtime.systems import SystemPool
from runtime.telemetry import exporting
from runtime.temporal import connect_temporal
from settings import GatewaySettings, SettingsError

VERSION = "0.1.0"
"""Same as in pyproject.toml, which is not part of an installation."""

log = logging.getLogger("pegline.cli")


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
            pool = SystemPool(landscape, Dialects(), policies, clients(settings), now)
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
            senders=Senders.read(settings.senders) if settings.senders else None,
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


def _trace(gateway: str, requirement: str) -> int:
    """Print the trace of a requirement, one audit event per line."""
    path = requirement.removeprefix("requirement/")
    answer = ask("GET", f"{gateway}/v1/requirements/{path}/trace")
    for event in answer["audit_events"]:
        print(
            f"{event['business_time'][:16]}  {event['entity_id'].split('/')[0]:11}  {event['kind']:22}  {event['data']}"
        )
    return 0


def arguments() -> argparse.ArgumentParser:
    """The argument parser of all commands."""
    parser = argparse.ArgumentParser(prog="cli.py", description="Pegline's console")
    parser.add_argument("--version", action="version", version=f"pegline {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("demo", help="run the demo on servers of its own")
    commands.add_parser("up", help="run worker, gateway and servers; state is kept in .run/up")
    commands.add_parser("gateway", help="run the gateway with the settings of the environment")
    policy_commands.add_to(commands)
    plan_commands.add_to(commands)
    audit_commands.add_to(commands)
    people_commands.add_to(commands)
    erp_commands.add_to(commands)
    kpi_commands.add_to(commands)
    landscape_commands.add_to(commands)
    observe_commands.add_to(commands)
    adapter_commands.add_to(commands)
    trace = commands.add_parser("trace", help="what happened to a requirement, and why")
    trace.add_argument("requirement", help="plant/item/key")
    trace.add_argument("--gateway", default=DEFAULT_GATEWAY, help="where the gateway listens")
    exception_commands.add_to(commands)
    return parser


def main() -> int:
    """Run a command; returns 2 if the settings or arguments are wrong."""
    given = arguments().parse_args()
    try:
        match given.command:
            case "demo" | "up":
                # Imported only here: an installation that serves the gateway has neither the demo nor its tools.
                from demo.main import run_demo, run_up

                return run_demo() if given.command == "demo" else run_up()
            case "gateway":
                return run_gateway()
            case "policy":
                return policy_commands.run(given)
            case "plan":
                return plan_commands.run(given)
            case "audit":
                return audit_commands.run(given)
            case "kpis":
                return kpi_commands.run(given)
            case "people":
                return people_commands.run(given)
            case "erp":
                return erp_commands.run(given)
            case "observe":
                return observe_commands.run(given)
            case "adapter":
                return adapter_commands.run(given)
            case "landscape":
                return landscape_commands.run(given)
            case "trace":
                return _trace(given.gateway, given.requirement)
            case "exceptions":
                return exception_commands.list_exceptions(given)
            case _:
                return exception_commands.decide_exception(given)
    except (SettingsError, PolicyError, GatewayRefusal, SendersError, LandscapeError) as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
