"""`cli.py trace`: what happened to a requirement, and why."""

import argparse
from typing import Any

from console.http import DEFAULT_GATEWAY, ask


def add_to(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the `trace` command."""
    trace = commands.add_parser("trace", help="what happened to a requirement, and why")
    trace.add_argument("requirement", help="plant/item/key")
    trace.add_argument("--gateway", default=DEFAULT_GATEWAY, help="where the gateway listens")


def run(given: argparse.Namespace) -> int:
    """Print the trace of a requirement, one audit event per line. Raises GatewayRefusal."""
    path = given.requirement.removeprefix("requirement/")
    answer = ask("GET", f"{given.gateway}/v1/requirements/{path}/trace")
    for event in answer["audit_events"]:
        print(
            f"{event['business_time'][:16]}  {event['entity_id'].split('/')[0]:11}  {event['kind']:22}  {event['data']}"
        )
    return 0
