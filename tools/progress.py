"""One line that shows what set-up is doing, and for how long: rewritten on a terminal, repeated elsewhere."""

import sys
import time
from types import TracebackType
from typing import Self, TextIO

_REPEAT_SECONDS = 10.0


class Progress:
    """A step of set-up; quiet when it takes no time and `say` was never called."""

    def __init__(self, title: str, stream: TextIO | None = None) -> None:
        self._title = title
        self._stream = stream or sys.stdout
        self._live = self._stream.isatty()
        self._began = time.monotonic()
        self._shown_at = float("-inf")
        self._shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live and self._shown:
            self._stream.write("\n")
            self._stream.flush()

    def say(self, text: str) -> None:
        """Show the current activity; call it whenever there is something new."""
        now = time.monotonic()
        if self._live:
            if now - self._shown_at >= 0.1:
                self._rewrite(self._line(text))
                self._shown_at = now
        elif now - self._shown_at >= _REPEAT_SECONDS:
            print(self._line(text), file=self._stream, flush=True)
            self._shown_at = now

    def record(self, text: str) -> None:
        """Show a line that stays visible."""
        self.done(text)
        if self._live:
            self._stream.write("\n")
            self._shown = ""

    def done(self, text: str) -> None:
        """Show how the step ended."""
        line = self._line(text)
        if self._live:
            self._rewrite(line)
        else:
            print(line, file=self._stream, flush=True)

    def _line(self, text: str) -> str:
        return f"  {self._title}: {text} ({time.monotonic() - self._began:.0f} s)"

    def _rewrite(self, line: str) -> None:
        self._stream.write("\r" + line[:110].ljust(len(self._shown)))
        self._stream.flush()
        self._shown = line[:110]
