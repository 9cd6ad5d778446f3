"""`cli.py policy …`: explain and backtest policies. It needs no gateway and no Temporal server.

python cli.py policy explain --plant 1710 --item CH-0234 --supplier CARLSO0001
python cli.py policy backtest --candidate my-policies --since 2026-06-01
"""

import argparse
import datetime as dt
import sys
from pathlib import Path
from typing import Any

from backtest import console as backtest
from policies.book import PolicyBook
from policies.reading import PolicyError
from settings import Settings, policy_directory


def add_to(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the `policy` command and its arguments."""
    policy = commands.add_parser("policy", help="what holds for a plant, an item, a supplier, and who says so")
    questions = policy.add_subparsers(dest="question", required=True)
    explain = questions.add_parser("explain", help="the effective values and the file and rule each comes from")
    explain.add_argument("--plant", required=True)
    explain.add_argument("--item-class", default="", help="the item's class in master data")
    explain.add_argument("--item", default="")
    explain.add_argument("--supplier", default="", help="a supplier, or the supplying plant of a transfer")
    compare = questions.add_parser("backtest", help="what other policies would have decided; writes nothing")
    compare.add_argument("--candidate", type=Path, required=True, help="a directory of policies like the present one")
    compare.add_argument("--since", type=_day, required=True, help="the first day of the decisions (UTC)")
    compare.add_argument("--plant", help="of this plant only")
    compare.add_argument("--json", type=Path, metavar="FILE", help="all differences and totals, for a program")
    for question in (explain, compare):
        question.add_argument(
            "--policies", type=Path, help="the policy directory (default: PEGLINE_POLICY_DIRECTORY, or policies)"
        )


def run(given: argparse.Namespace) -> int:
    """Run the command; returns 2 if the policies are faulty or it can't be answered."""
    try:
        match given.question:
            case "explain":
                return _explain(PolicyBook(given.policies or policy_directory()), given)
            case "backtest":
                database_url = Settings.load().database_url
                return backtest.run(given, given.policies or policy_directory(), database_url)
            case other:
                raise AssertionError(other)
    except PolicyError as error:
        print(f"The policies can't be used:\n{error}", file=sys.stderr)
        return 2
    except backtest.CannotBacktest as error:
        print(error, file=sys.stderr)
        return 2


def _day(written: str) -> dt.date:
    try:
        return dt.date.fromisoformat(written)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{written!r} is no day; write it like 2026-06-01") from None


def _explain(book: PolicyBook, given: argparse.Namespace) -> int:
    found = book.explain(given.plant, item_class=given.item_class, item=given.item, supplier=given.supplier)
    if found is None:
        known = ", ".join(sorted(book.plants))
        print(f"plant {given.plant!r} has no policy; there are: {known}", file=sys.stderr)
        return 2
    asked = [("plant", given.plant), ("item class", given.item_class), ("item", given.item)]
    print(", ".join(f"{word} {name}" for word, name in (*asked, ("supplier", given.supplier)) if name))
    print(found)
    return 0
