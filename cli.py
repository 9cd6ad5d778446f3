"""The console.

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
import sys
from importlib import import_module

from console.http import GatewayRefusal
from landscape.reading import LandscapeError
from policies.reading import PolicyError
from settings import SettingsError

VERSION = "0.1.0"
"""Same as in pyproject.toml, which is not part of an installation."""
PROGRAMS = {
    "demo": "run the demo on servers of its own",
    "up": "run worker, gateway and servers; state is kept in .run/up",
    "gateway": "run the gateway with the settings of the environment",
}
COMMANDS = {
    "policy": "policy",
    "plan": "plan",
    "audit": "audit",
    "people": "people",
    "erp": "erp",
    "kpis": "kpis",
    "landscape": "landscape",
    "observe": "observe",
    "adapter": "adapter",
    "trace": "trace",
    "exceptions": "exceptions",
    "decide": "exceptions",
}
"""Each command's module in `console`. Only that of the command given is imported: all of them take seconds."""


def arguments(command: str = "") -> argparse.ArgumentParser:
    """The parser of this command; where there is none of the name, of all commands."""
    parser = argparse.ArgumentParser(prog="cli.py", description="Pegline's console")
    parser.add_argument("--version", action="version", version=f"pegline {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what in PROGRAMS.items():
        commands.add_parser(name, help=what)
    if command in (*PROGRAMS, "--version"):
        return parser
    for module in dict.fromkeys([COMMANDS[command]] if command in COMMANDS else COMMANDS.values()):
        import_module(f"console.{module}").add_to(commands)
    return parser


def main() -> int:
    """Run a command; returns 2 if the settings or arguments are wrong."""
    given = arguments(*sys.argv[1:2]).parse_args()
    try:
        match given.command:
            case "demo" | "up":
                # An installation that serves the gateway has neither the demo nor its tools.
                from demo.main import run_demo, run_up

                return run_demo() if given.command == "demo" else run_up()
            case "gateway":
                from runtime.gateway import run_gateway

                return run_gateway()
            case command:
                code: int = import_module(f"console.{COMMANDS[command]}").run(given)
                return code
    except (SettingsError, PolicyError, GatewayRefusal, LandscapeError) as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
