"""`cli.py exceptions list` and `cli.py decide`: list and decide exceptions in the console."""

import argparse
from typing import Any

from rich.console import Console
from rich.table import Table

from console.http import DEFAULT_GATEWAY, ask


def add_to(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the commands and their arguments."""
    exceptions = commands.add_parser("exceptions", help="questions that wait for a person")
    listing = exceptions.add_subparsers(dest="question", required=True).add_parser("list", help="the newest first")
    listing.add_argument("--state", default="open", choices=("open", "decided", "overtaken", "all"))
    listing.add_argument("--kind", help="shortage, change_proposal, master_data, ...")
    listing.add_argument("--assignee", help="the role that is asked, such as buyer")
    listing.add_argument("--limit", type=_limit, default=50, help="at most so many (default 50)")
    decide = commands.add_parser("decide", help="decide an exception as it is now")
    decide.add_argument("exception")
    decide.add_argument("choice")
    decide.add_argument("--supplier", help="of a split: the second source")
    decide.add_argument("--substitute", help="of a substitute item: which")
    decide.add_argument("--by", help="who decides, at a gateway where nobody logs in; else whoever has the token")
    decide.add_argument("--comment", default="")
    for command in (listing, decide):
        command.add_argument("--gateway", default=DEFAULT_GATEWAY, help="where the gateway listens")


def run(given: argparse.Namespace) -> int:
    """List exceptions, or decide one."""
    return list_exceptions(given) if given.command == "exceptions" else decide_exception(given)


def list_exceptions(given: argparse.Namespace, console: Console | None = None) -> int:
    """Print a row for each exception, with all that is needed to decide it."""
    rows = list(_pages(given))
    if not rows:
        print("nothing waits for a decision" if given.state == "open" else "no such exception")
        return 0
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Exception", "Kind", "Asked", "Plant", "Summary", "Choices"):
        table.add_column(column, overflow="fold", ratio=3 if column == "Summary" else None)
    for row in rows:
        proposal = row["proposal"]
        choices = dict.fromkeys(alternative["choice"] for alternative in proposal["alternatives"])
        table.add_row(
            row["id"].removeprefix("exception/"),
            proposal["kind"],
            row["assignee"],
            proposal["plant"],
            proposal["summary"] + (f" ({row['waiting']} needs wait)" if row.get("waiting", 0) > 1 else ""),
            ", ".join(choices),
        )
    (console or Console()).print(table)
    print("\nDecide one: python cli.py decide EXCEPTION CHOICE (with --by you where nobody logs in)")
    return 0


def decide_exception(given: argparse.Namespace) -> int:
    """Decide on the current proposal."""
    url = f"{given.gateway}/v1/exceptions/{given.exception.removeprefix('exception/')}"
    seen = ask("GET", url)
    print(seen["proposal"]["summary"])
    body = {
        "choice": given.choice,
        "supplier": given.supplier,
        "substitute": given.substitute,
        "decided_by": given.by,
        "comment": given.comment,
    }
    ask("POST", f"{url}/decision", json=body, headers={"If-Match": f'"{seen["digest"]}"'})
    print(f"{given.choice}: taken")
    return 0


def _pages(given: argparse.Namespace) -> list[dict[str, Any]]:
    asked = {"kind": given.kind, "assignee": given.assignee, "limit": min(given.limit, 100)}
    if given.state != "all":
        asked["state"] = given.state
    path: str | None = "/v1/exceptions"
    params: dict[str, Any] | None = {name: value for name, value in asked.items() if value}
    rows: list[dict[str, Any]] = []
    while path and len(rows) < given.limit:
        page = ask("GET", f"{given.gateway}{path}", params=params)
        rows += page["items"]
        path, params = page["next"], None  # the next page's URL contains the query
    return rows[: given.limit]


def _limit(written: str) -> int:
    if not written.isdigit() or not 1 <= int(written) <= 10_000:
        raise argparse.ArgumentTypeError(f"{written!r} is no number from 1 to 10000")
    return int(written)
