"""`cli.py plan …`: deliver a whole plan from a file, and report the outcome of every line.

python cli.py plan run plan.ndjson.gz --source aps-main --plant 1710 --version 12 --report lines.parquet
python cli.py plan run plan.ndjson.gz --source aps-main --plant 1710 --version 12 --dry-run
python cli.py plan report aps-main 1710 12 --out lines.csv

Exit 0: delivered (with --no-wait: stored; with --dry-run: it could be started). 1: the plan did not take effect, or
would not (over its error limit, or a newer one came first). 2: the arguments are wrong, or the gateway does not answer.
130: left with Ctrl-C; the run itself continues.
"""

import argparse
import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from console.http import DEFAULT_GATEWAY, GatewayRefusal, authorization, refusal, unreachable

CONTENT_TYPES = {
    ".ndjson": "application/x-ndjson",
    ".jsonl": "application/x-ndjson",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".txt": "text/csv",
}
"""By the end of a file's name; .txt is what Excel calls Unicode text."""
REPORT_TYPES = {".csv": "csv", ".parquet": "parquet"}
ENDED = ("done", "stopped", "superseded")
_PIECE_BYTES = 256 * 1024
_POLL_SECONDS = 0.5
_SILENCE_SECONDS = 60.0
"""How long the gateway may be unreachable, as when it restarts, while a run is watched."""
_TIMEOUT = httpx.Timeout(15, read=600)
"""The response to an upload comes once the whole plan is stored."""


def add_to(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the `plan` command and its arguments."""
    plan = commands.add_parser("plan", help="whole plans: deliver one from a file, read what became of its lines")
    questions = plan.add_subparsers(dest="question", required=True)
    run_one = questions.add_parser("run", help="send a plan (CSV or NDJSON, .gz as it is) and watch its delivery")
    run_one.add_argument("file", type=Path, help="plan.ndjson, plan.jsonl or plan.csv, each also with .gz")
    run_one.add_argument("--source", required=True, help="the planning system, as in its events")
    run_one.add_argument("--plant", required=True)
    run_one.add_argument("--version", required=True, type=int, help="of two plans the higher is the newer")
    run_one.add_argument("--partial", action="store_true", help="what the file leaves out is not withdrawn")
    run_one.add_argument("--ignore", action="append", default=[], metavar="NAME", help="a column to ignore; repeatable")
    run_one.add_argument("--charset", help="of the file, such as windows-1252; UTF-8 or UTF-16 where left out")
    run_one.add_argument("--report", type=Path, metavar="OUT", help="every line's outcome, as OUT.csv or OUT.parquet")
    run_one.add_argument("--dry-run", action="store_true", help="show what the plan would change; nothing happens")
    run_one.add_argument("--no-wait", action="store_true", help="end once the plan is stored")
    report = questions.add_parser("report", help="what became of every line of a plan")
    for name in ("source", "plant"):
        report.add_argument(name)
    report.add_argument("version", type=int)
    report.add_argument("--out", type=Path, required=True, metavar="OUT", help="OUT.csv or OUT.parquet")
    for question in (run_one, report):
        question.add_argument("--gateway", default=DEFAULT_GATEWAY, help="where the gateway listens")


def run(given: argparse.Namespace) -> int:
    """Run the command; see the module for its exit codes. Raises GatewayRefusal."""
    try:
        return asyncio.run(_run(given))
    except KeyboardInterrupt:
        print("left; what is stored goes on by itself: the same command again shows how far it is", file=sys.stderr)
        return 130


async def _run(given: argparse.Namespace) -> int:
    async with httpx.AsyncClient(
        base_url=given.gateway, timeout=_TIMEOUT, trust_env=False, headers=authorization()
    ) as client:
        return await answer(given, PlanConsole(client, Console(stderr=True), Console()))


async def answer(given: argparse.Namespace, console: "PlanConsole") -> int:
    """Send, watch and report, as the arguments say."""
    if given.question == "report":
        path = f"/v1/plan-runs/{quote(given.source, safe='')}/{quote(given.plant, safe='')}/{given.version}"
        await console.fetch_report(path, given.out)
        return 0
    if given.report is not None:
        _report_type(given.report)  # before the plan is sent, not after
        if given.no_wait:
            raise GatewayRefusal(
                "a report says what became of the lines; leave --no-wait out, or ask `plan report` later"
            )
    if given.dry_run:
        view = await console.send(given.file, _query(given), charset=given.charset)
        return console.show_dry_run(view)
    location = await console.begin(given.file, _query(given), charset=given.charset)
    if given.no_wait:
        return 0
    ended = await console.watch(location)
    if given.report is not None:
        await console.fetch_report(location, given.report)
    return 0 if ended["stage"] == "done" else 1


def _query(given: argparse.Namespace) -> dict[str, str | list[str]]:
    return {
        "source": given.source,
        "plant": given.plant,
        "version": str(given.version),
        "partial": str(given.partial).lower(),
        "ignore": list(given.ignore),
        **({"dry_run": "true"} if given.dry_run else {}),
    }


class PlanConsole:
    """Calls the gateway about plan runs; shows progress on one console and results on the other."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        progress: Console,
        results: Console,
        *,
        poll_seconds: float = _POLL_SECONDS,
        silence_seconds: float = _SILENCE_SECONDS,
    ) -> None:
        self._client = client
        self._progress = progress
        self._results = results
        self._poll_seconds = poll_seconds
        self._silence_seconds = silence_seconds

    async def begin(self, file: Path, query: dict[str, str | list[str]], *, charset: str | None = None) -> str:
        """Stream the file and show what was taken; returns the URL of its run. Raises GatewayRefusal."""
        view = await self.send(file, query, charset=charset)
        self._progress.print(
            f"{view['id']}: {view['lines']} lines stored, {view['refused']} of them refused, "
            f"{view['past_due']} past due"
        )
        self._show_oddities(view)
        return str(view["report"]).removesuffix("/report")

    async def send(
        self, file: Path, query: dict[str, str | list[str]], *, charset: str | None = None
    ) -> dict[str, Any]:
        """Stream the file; returns the gateway's answer. Raises GatewayRefusal."""
        content_type, packed = _form(file)
        content_type = f"{content_type}; charset={charset}" if charset else content_type
        headers = {"Content-Type": content_type} | ({"Content-Encoding": "gzip"} if packed else {})
        with self._bars() as bars:
            try:
                size = file.stat().st_size
                bar = bars.add_task(f"sending {file.name}, kB", total=-(-size // 1024))
                taken = await self._client.post(
                    "/v1/plan-runs", params=query, headers=headers, content=_pieces(file, bars, bar)
                )
            except httpx.HTTPError as error:
                raise unreachable(str(self._client.base_url), error) from error
            except OSError as error:
                raise GatewayRefusal(f"{file} can't be read: {error.strerror or error}") from error
        if taken.status_code >= 400:
            raise refusal(taken)
        view: dict[str, Any] = taken.json()
        return view

    def show_dry_run(self, view: dict[str, Any]) -> int:
        """Print what a plan would change, and how it is started; 1 where it can't be."""
        name = f"version {view['version']} of {view['source']} for {view['plant']}"
        if view["in_its_way"]:
            self._results.print(f"{name} can't be started: {view['in_its_way']} came before it", markup=False)
            return 1
        self._results.print(f"{name} would change {view['changes']} needs", style="bold", markup=False)
        table = Table("outcome", "lines")
        for outcome, count in sorted(view["outcomes"].items()):
            table.add_row(outcome, str(count))
        self._results.print(table)
        changes = Table("requirement", "item", "known", "planned", "unit", "by", title="Largest changes")
        for each in view["largest"]:
            known, planned = each["before"] or "-", each["after"] or "-"
            row = (each["demand_reference"], each["item"], known, planned, each["unit"], each["date_after"] or "-")
            changes.add_row(*row)
        self._results.print(changes)
        for question in view["questions"]:
            self._results.print(f"a person would decide {question}", markup=False)
        if view["waits_for"]:
            self._results.print(f"the figures may still shift: {view['waits_for']}", markup=False)
        if view["would_stop"]:
            self._results.print(f"it would change nothing: {view['would_stop']}", markup=False)
            return 1
        self._results.print(
            f"nothing has happened; start exactly this within a day: the page /plans/dry-runs/{view['number']}, or "
            f"POST {view['start']} with shown={view['shown']}",
            markup=False,
        )
        return 0

    async def watch(self, location: str) -> dict[str, Any]:
        """Show the run until it ends, and return it. Raises GatewayRefusal if the gateway does not answer."""
        statement = ""
        with self._bars() as bars:
            bar = bars.add_task("matching", total=None)
            while True:
                view = await self._read(location)
                if view["stage"] in ("delivering", "done"):
                    bars.update(bar, total=view["changes"], completed=view["delivered"])
                bars.update(bar, description=view["stage"])
                if view["stage"] in ENDED:
                    break
                if view["stage"] == "waiting" and statement != view["detail"]:
                    statement = view["detail"]
                    bars.console.print(
                        f"a person decides: {statement} (`GET /v1/exceptions`, `cli.py decide`)", style="bold"
                    )
                await asyncio.sleep(self._poll_seconds)
        self._show(view)
        return view

    async def fetch_report(self, location: str, out: Path) -> None:
        """Write the report of a run; an incomplete file never replaces `out`. Raises GatewayRefusal."""
        form, part = _report_type(out), out.with_name(out.name + ".part")
        url = f"{location}/report"
        try:
            async with self._client.stream("GET", url, params={"format": form}) as came:
                if came.status_code >= 400:
                    await came.aread()
                    raise refusal(came)
                with part.open("wb") as written:
                    async for piece in came.aiter_bytes():
                        written.write(piece)
            part.replace(out)
        except httpx.HTTPError as error:
            raise unreachable(f"{self._client.base_url}{url}", error) from error
        except OSError as error:
            raise GatewayRefusal(f"{out} can't be written: {error.strerror or error}") from error
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
        self._progress.print(f"every line: {out}")

    async def _read(self, location: str) -> dict[str, Any]:
        """The current state of the run; waits for a gateway that restarts."""
        waited = 0.0
        while True:
            try:
                came = await self._client.get(location)
                if came.status_code < 500:
                    break
                silent = refusal(came)
            except httpx.HTTPError as error:
                silent = unreachable(str(self._client.base_url), error)
            if waited >= self._silence_seconds:
                raise silent
            waited += 1.0
            await asyncio.sleep(min(1.0, self._silence_seconds))
        if came.status_code >= 400:
            raise refusal(came)
        view: dict[str, Any] = came.json()
        return view

    def _show(self, view: dict[str, Any]) -> None:
        """Print the counts per outcome and, if the plan did not take effect, the reason."""
        if view["detail"]:
            self._results.print(f"{view['stage']}: {view['detail']}")
        table = Table("outcome", "lines", title=f"{view['id']}: {view['stage']}", title_justify="left")
        for outcome, count in sorted(view["outcomes"].items()):
            table.add_row(outcome, str(count))
        table.add_row("delivered", f"{view['delivered']} of {view['changes']} changes", style="bold")
        self._results.print(table)

    def _show_oddities(self, view: dict[str, Any]) -> None:
        """Print which names were ignored, and the first refused lines with all that is wrong in them."""
        if view["ignored"]:
            self._progress.print(f"ignored, as asked: {', '.join(view['ignored'])}", markup=False)
        for line in view["first_refused"]:
            item = f" ({line['item']})" if line["item"] else ""
            self._progress.print(f"line {line['line']}{item}: {line['field']}: {line['reason']}", markup=False)
        if (more := view["refused"] - len(view["first_refused"])) > 0:
            self._progress.print(f"… and {more} more refused lines: --report lists them all")

    def _bars(self) -> Progress:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        return Progress(*columns, console=self._progress)


async def _pieces(file: Path, bars: Progress, bar: TaskID) -> AsyncIterator[bytes]:
    with file.open("rb") as opened:
        sent = 0
        while piece := opened.read(_PIECE_BYTES):
            yield piece
            sent += len(piece)
            bars.update(bar, completed=-(-sent // 1024))


def _form(file: Path) -> tuple[str, bool]:
    """The content type of a plan file by its name, and whether it is compressed."""
    packed = file.suffix.lower() == ".gz"
    suffix = Path(file.stem).suffix.lower() if packed else file.suffix.lower()
    if suffix not in CONTENT_TYPES:
        raise GatewayRefusal(f"{file.name} is no plan by its name; call it {', '.join(CONTENT_TYPES)}, also with .gz")
    return CONTENT_TYPES[suffix], packed


def _report_type(out: Path) -> str:
    try:
        return REPORT_TYPES[out.suffix.lower()]
    except KeyError:
        raise GatewayRefusal(
            f"{out.name}: a report is written as {' or '.join(REPORT_TYPES)}; end its name so"
        ) from None


__all__ = ["PlanConsole", "add_to", "answer", "run"]
