"""`make demo` and `make up`: start the programs, play the story, check the results, and show where to look."""

import asyncio
import json
import shutil
import sys
import time
from collections import defaultdict
from contextlib import suppress
from datetime import date
from pathlib import Path

from rich.table import Table
from temporalio.client import Client

from demo.account import reckon
from demo.accounts import BUYER, where_to_log_in
from demo.chapters import CHAPTERS
from demo.clocks import Clocks
from demo.narrator import Narrator
from demo.people import People
from demo.reckoning import Summary
from demo.stage import Stage, caller, stage
from demo.story import Story
from runtime.temporal import temporal_plugin
from settings import ToolSettings, policy_directory

DIRECTORY = Path(".run")
INTERRUPTED = 130
"""A shell's exit code for a program ended by Ctrl-C."""


def run_demo() -> int:
    """Play the story; 0 if every check passed, 1 with those that failed, 130 if it was interrupted before its end."""
    tools = ToolSettings.load()
    began = tools.setup_started or time.time()
    stay = sys.stdout.isatty() and not tools.demo_exit
    reported: list[Summary] = []
    # Ctrl-C is the normal way to leave a story that has finished.
    with suppress(KeyboardInterrupt, asyncio.CancelledError):
        asyncio.run(_demo(DIRECTORY / "demo", tools.demo_today, began, stay, reported))
    if not reported:
        print("interrupted before the end of the story", file=sys.stderr)
        return INTERRUPTED
    return 1 if reported[0].failures else 0


def run_up() -> int:
    """Run everything without the story until Ctrl-C; its state survives."""
    try:
        asyncio.run(_up(DIRECTORY / "up"))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 0
    return 0


async def _up(directory: Path) -> None:
    async with stage(directory, keep=True) as on:
        _say_where(Narrator(), on, directory)
        # Nothing signals that a program has ended: it has to be polled.
        while not (ended := on.processes.ended()):  # noqa: ASYNC110
            await asyncio.sleep(1)
        print(f"ended by themselves: {ended}; see {directory / 'logs'}", file=sys.stderr)


async def _demo(directory: Path, today: date | None, began: float, stay: bool, reported: list[Summary]) -> None:
    """`reported` receives the summary once the story has ended, whatever ends the program after that."""
    async with (
        stage(directory, keep=False, today=today, policies=_own_policies(directory), landscape=True) as on,
        caller(on.gateway) as gateway,
        caller(on.simulators) as simulators,
    ):
        setup_seconds = time.time() - began
        narrator = Narrator()
        client = await Client.connect(**on.temporal.connection, plugins=[temporal_plugin()])
        story = Story(on, gateway, simulators, Clocks(client), narrator)
        for chapter in CHAPTERS:
            await chapter(story)
        seconds = narrator.seconds
        summary = await reckon(story, seconds, setup_seconds)
        await story.people.close()
        (directory / "summary.json").write_text(json.dumps(summary.figures, indent=2) + "\n")
        history = await _history(story.people, on.gateway)
        if history:
            narrator.say(f"the history of a shortage, from plan to receipt: {history}")
        _show(narrator, summary)
        reported.append(summary)
        if stay:
            _say_where(narrator, on, directory, history)
            narrator.say("Ctrl-C ends it.")
            await asyncio.Event().wait()


def _own_policies(directory: Path) -> Path:
    """A copy of the policies, to which the story adds plants."""
    own = directory / "policies"
    shutil.rmtree(own, ignore_errors=True)
    shutil.copytree(policy_directory(), own, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return own


async def _history(people: People, gateway: str) -> str:
    """The page of a requirement that went through a shortage and was received; "" where there is none."""
    decided = await people.exceptions(kind="shortage", state="decided")
    stages = {row["id"]: row["stage"] for row in await people.requirements()}
    ended = [row for row in decided if stages.get(row["raised_by"]) == "fulfilled"]
    by_choice: dict[str, str] = defaultdict(str)
    for row in ended or decided:
        by_choice.setdefault(row["decision"]["choice"], row["raised_by"])
    chosen = by_choice.get("split") or by_choice.get("expedite") or by_choice.get("accept")
    return f"{gateway}/{chosen.replace('requirement/', 'requirements/', 1)}/trace" if chosen else ""


def _show(narrator: Narrator, summary: Summary) -> None:
    table = Table(title="Counted in the counterparts' own books", title_justify="left", show_header=False)
    for name, figure in summary.figures.items():
        shown = ", ".join(f"{key} {value}" for key, value in figure.items()) if isinstance(figure, dict) else figure
        table.add_row(name, str(shown))
    narrator.console.print()
    narrator.console.print(table)
    seconds, allowed = summary.figures["seconds"], summary.figures["seconds_allowed"]
    if seconds > allowed:
        narrator.say(f"it took {seconds:.0f} s; on two cores that do nothing else it is {allowed} s at most")
    for failure in summary.failures:
        narrator.console.print(f"[bold red]✗[/bold red] {failure}")
    if not summary.failures:
        narrator.console.print("[bold green]✓[/bold green] every check held")


def _say_where(narrator: Narrator, on: Stage, directory: Path, history: str = "") -> None:
    narrator.chapter("Where to look")
    narrator.say(f"Temporal's UI     {on.temporal.ui or on.temporal.address}")
    for line in where_to_log_in(on.gateway):
        narrator.say(f"Pegline as {line}")
    narrator.say(f"the API           {on.gateway}/docs")
    narrator.say(f'its access tokens curl {on.simulators}/issuer/control/token -d \'{{"subject": "{BUYER}"}}\'')
    if history:
        narrator.say(f"a history         {history}")
    narrator.say(f"logs              {directory / 'logs'}")
