"""What every counterpart's books have in common: a clock of its own, and a log of the writes it carried out.

Not decided here: what a write is. The idempotency key and the correlation id of a write are taken from the first header
that is there of KEY_HEADERS and CORRELATION_HEADERS.
"""

from collections.abc import Iterable, Mapping
from dataclasses import InitVar, asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from simulators.keeping import Shelf

KEY_HEADERS = ("idempotency-key", "requestid", "x-request-id")
CORRELATION_HEADERS = ("x-correlation-id", "correlation-id", "sap-passport", "traceparent")


@dataclass(frozen=True)
class Write:
    """One line of the write log: what was written, by which request."""

    seq: int
    at: str
    method: str
    path: str
    key: str | None
    correlation: str | None
    summary: str
    document: str | None
    line: str | None


@dataclass
class Clock:
    """A counterpart's clock: the wall clock, or what it was set to, running on."""

    ahead: timedelta = timedelta(0)

    def now(self) -> datetime:
        """Return the counterpart's present instant (UTC)."""
        return datetime.now(UTC) + self.ahead

    def today(self) -> date:
        """Return the counterpart's present day (UTC)."""
        return self.now().date()

    def earliest_day(self) -> date:
        """Return the day that it is where it is earliest: what is past there is past for every plant."""
        return (self.now() - timedelta(hours=12)).date()

    def set(self, now: datetime) -> None:
        """Let the clock show `now` (aware) from here on."""
        self.ahead = now - datetime.now(UTC)


@dataclass
class WriteLog:
    """Every write that a simulator carried out, in order. One line per document line that changed."""

    clock: Clock = field(default_factory=Clock)
    writes: list[Write] = field(default_factory=list)
    shelf: InitVar[Shelf | None] = None

    def __post_init__(self, shelf: Shelf | None) -> None:
        if shelf is not None:
            shelf.entries("writes", self.writes)

    def record(
        self,
        *,
        method: str,
        path: str,
        headers: Mapping[str, str],
        summary: str,
        document: str | None = None,
        line: str | None = None,
    ) -> Write:
        """Append a write; the idempotency key and the correlation id are taken from the headers."""
        lower = {name.lower(): value for name, value in headers.items()}

        def first(names: Iterable[str]) -> str | None:
            return next((lower[name] for name in names if name in lower), None)

        write = Write(
            seq=len(self.writes) + 1,
            at=self.clock.now().isoformat(),
            method=method,
            path=path,
            key=first(KEY_HEADERS),
            correlation=first(CORRELATION_HEADERS),
            summary=summary,
            document=document,
            line=line,
        )
        self.writes.append(write)
        return write

    def since(self, seq: int) -> list[dict[str, Any]]:
        """Return the writes after `seq`, oldest first."""
        return [asdict(write) for write in self.writes[seq:]]
