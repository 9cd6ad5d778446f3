"""The demo's output while it runs: chapters with their duration, and progress that a person can watch."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


class Narrator:
    """Reports the story on a console: with live bars on a terminal, elsewhere line by line."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the story began."""
        return time.monotonic() - self._began

    def chapter(self, title: str) -> None:
        """Start a new chapter."""
        self.console.print(f"\n[bold]{title}[/bold] [dim]({self.seconds:.0f} s)[/dim]")

    def say(self, text: str) -> None:
        """Print a line of the story."""
        self.console.print(f"  {text}")

    @contextmanager
    def counting(self, what: str, total: int) -> Iterator["Count"]:
        """Show a bar that counts to a total."""
        began = time.monotonic()
        with Progress(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        ) as progress:
            count = Count(progress, total, what)
            yield count
        self.say(f"{what}: {count.reached} of {total} [dim]({time.monotonic() - began:.0f} s)[/dim]")


class Count:
    """The progress of a count."""

    def __init__(self, progress: Progress, total: int, what: str) -> None:
        self._progress = progress
        self._task = progress.add_task(what, total=total)
        self.reached = 0

    def reach(self, number: int) -> None:
        """Show the count reached."""
        self.reached = number
        self._progress.update(self._task, completed=number)
