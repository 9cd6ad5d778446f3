"""The console, and the composition root of the gateway.

python cli.py demo      the story, on servers of its own
python cli.py up        worker, gateway and servers, with kept state
python cli.py gateway   the gateway alone, from the environment's settings
python cli.py plan run FILE --source S --plant P --version N    deliver a whole plan, and watch it
python cli.py plan report S P N --out F   what became of every line of it
python cli.py policy explain --plant P    what holds there, and which file says so
python cli.py policy backtest --candidate DIR --since DAY    what other policies would have decided
python cli.py audit checkpoint --out F    the newest audit event of each entity, signed
python cli.py audit verify --checkpoint F whether every audit event is as it was recorded
python cli.py trace plant/item/key        what happened to a requirement, and why
python cli.py exceptions list             questions that wait for a person
python cli.py decide EXCEPTION CHOICE     decide an exception as it is now
"""

import argparse
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime

import uvicorn

from adapters.supplier.edifact.dialect import EdifactDialect
from console import audit as audit_commands
from console import exceptions as exception_commands
from console import plan as plan_commands
from console import policy as policy_commands
from console.http import DEFAULT_GATEWAY, GatewayRefusal, ask
from gateway.app import create_app, utc_now
from gateway.tracing import correlation_in_hand
from ledger.database import connect, migrate
from ledger.ledger import Ledger
from policies.book import PolicyBook
from policies.reading import PolicyError
from runtime import event_loop, logs
from runtime.directory import EntityDirectory
from runtime.telemetry import exporting
from runtime.temporal import connect_temporal
from settings import GatewaySettings, SettingsError

VERSION = "0.1.0"
"""The same as in pyproject.toml, which an installation does not have."""


async def serve_gateway(settings: GatewaySettings, now: Callable[[], datetime] = utc_now) -> None:
    """Serve the gateway until it is told to stop; brings the ledger's tables up to date first."""
    await migrate(settings.database_url)
    engine = await connect(settings.database_url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(engine.dispose)
        app = create_app(
            Ledger(engine),
            EntityDirectory(await connect_temporal(settings), settings.task_queue_prefix),
            {"edifact": EdifactDialect()},
            PolicyBook(settings.policy_directory, today=lambda: now().date()),
            lambda: now().date(),
            now=now,
            host_names=settings.gateway_names.replace(",", " ").split(),
        )
        config = uvicorn.Config(
            app,
            host=settings.gateway_host,
            port=settings.gateway_port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=5,
        )
        await uvicorn.Server(config).serve()


def run_gateway(now: Callable[[], datetime] = utc_now) -> int:
    """Run the gateway from the environment's settings."""
    settings = GatewaySettings.load()
    logs.configure(settings.log_format, settings.log_level, correlation_in_hand)
    with exporting("pegline-gateway", settings.otlp_endpoint):
        event_loop.run(serve_gateway(settings, now))
    return 0


def _trace(gateway: str, requirement: str) -> int:
    """Print the trace of a requirement, an audit event a line."""
    path = requirement.removeprefix("requirement/")
    answer = ask("GET", f"{gateway}/v1/requirements/{path}/trace")
    for event in answer["audit_events"]:
        print(
            f"{event['business_time'][:16]}  {event['entity_id'].split('/')[0]:11}  {event['kind']:22}  {event['data']}"
        )
    return 0


def arguments() -> argparse.ArgumentParser:
    """What the console understands."""
    parser = argparse.ArgumentParser(prog="cli.py", description="Pegline's console")
    parser.add_argument("--version", action="version", version=f"pegline {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("demo", help="tell the story on servers of its own")
    commands.add_parser("up", help="run worker, gateway and servers; state is kept in .run/up")
    commands.add_parser("gateway", help="run the gateway from the environment's settings")
    policy_commands.add_to(commands)
    plan_commands.add_to(commands)
    audit_commands.add_to(commands)
    trace = commands.add_parser("trace", help="what happened to a requirement, and why")
    trace.add_argument("requirement", help="plant/item/key")
    trace.add_argument("--gateway", default=DEFAULT_GATEWAY, help="where the gateway listens")
    exception_commands.add_to(commands)
    return parser


def main() -> int:
    """Run a command; 2 where the settings or the question are wrong."""
    given = arguments().parse_args()
    try:
        match given.command:
            case "demo" | "up":
                # Only here: an installation that serves the gateway brings no demo and none of its tools.
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
            case "trace":
                return _trace(given.gateway, given.requirement)
            case "exceptions":
                return exception_commands.list_exceptions(given)
            case _:
                return exception_commands.decide_exception(given)
    except (SettingsError, PolicyError, GatewayRefusal) as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
