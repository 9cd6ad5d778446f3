"""The layout of the trace picture: pure geometry, so that a test can prove that no labels overlap.

The axis is business time in days. It is not linear: each day with events gets a place of its own, gaps widen with the
number of days between and are cut (and marked) where they are long. A card's left edge is its day.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from canonical.audit_event import AuditEvent
from gateway.trace.supply import Supply
from gateway.trace.words import Description, Lane, Tone, day

GUTTER = 132.0
TOP = 108.0
AXIS = 46.0
CARD_WIDTH = 190.0
CARD_GAP = 8.0
LANE_PAD = 12.0
BAR_HEIGHT = 22.0
DAY_MIN = 86.0
LONG_GAP_DAYS = 9
WIDTH = 1480.0
"""Wide enough for a desktop screen; a trace of many days is wider and scrolls."""
TITLE_SIZE, TEXT_SIZE = 12.0, 11.0
_LINE = 15.0


@dataclass(frozen=True)
class Box:
    """A rectangle; y grows downwards."""

    x: float
    y: float
    width: float
    height: float

    def meets(self, other: "Box") -> bool:
        """Whether the two share any area."""
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )


@dataclass(frozen=True)
class Day:
    """A day on the axis; `cut`: the gap before it is not to scale."""

    date: dt.date
    x: float
    label: Box
    cut: bool


@dataclass(frozen=True)
class Card:
    """An audit event with its text."""

    box: Box
    tone: Tone
    title: tuple[str, ...]
    detail: tuple[str, ...]
    time: str


@dataclass(frozen=True)
class LaneBand:
    """A lane's strip."""

    name: str
    y: float
    height: float


@dataclass(frozen=True)
class Bar:
    """A quantity on its way to the dock; the part after `late_from` is late."""

    box: Box
    supply: Supply
    late_from: float | None
    label: str
    label_box: Box


@dataclass
class Layout:
    """The whole picture."""

    width: float
    height: float = 0
    days: list[Day] = field(default_factory=list)
    weeks: list[tuple[str, float, float]] = field(default_factory=list)
    lanes: list[LaneBand] = field(default_factory=list)
    cards: list[Card] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    need_x: float | None = None

    @property
    def labels(self) -> list[Box]:
        """Every box that holds text of the picture's body."""
        return (
            [each.label for each in self.days]
            + [each.box for each in self.cards]
            + [each.label_box for each in self.bars]
        )


def lay_out(
    reported: Sequence[tuple[AuditEvent, Description]], supplies: Sequence[Supply], need_date: dt.date
) -> Layout:
    """Place days, cards and bars without overlaps."""
    dates = {audit_event.business_time.date() for audit_event, _ in reported} | {need_date}
    dates |= {when for supply in supplies for when in (supply.start, supply.end, supply.late_from) if when}
    days = _days(sorted(dates))
    at = {each.date: each.x for each in days}
    layout = Layout(width=max(days[-1].x + CARD_WIDTH + 24, WIDTH), days=days, need_x=at[need_date])
    layout.weeks = _weeks(days, layout.width)
    y = TOP + AXIS
    for lane in Lane:
        cards, height = _lane([each for each in reported if each[1].lane is lane], at, y)
        layout.cards += cards
        layout.lanes.append(LaneBand(lane, y, height))
        y += height
    if supplies:
        layout.bars = _bars(supplies, at, y, layout.width)
        height = len(supplies) * (BAR_HEIGHT + CARD_GAP) - CARD_GAP + 2 * LANE_PAD
        layout.lanes.append(LaneBand("Supply", y, height))
        y += height
    layout.height = y + 44
    return layout


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """An upper bound of a text's width in a sans-serif face."""
    units = sum(_advance(character) for character in text)
    return units * size * (1.07 if bold else 1.0)


def wrap(text: str, width: float, size: float, lines_max: int, *, bold: bool = False) -> tuple[str, ...]:
    """Wrap the text to at most so many lines; an ellipsis replaces the rest."""
    lines: list[str] = []
    rest = text.split()
    while rest and len(lines) < lines_max:
        line, rest = _first_line(rest, width, size, bold)
        lines.append(line)
    if rest and lines:
        last = lines[-1]
        while last and text_width(last + "…", size, bold=bold) > width:
            last = last[:-1]
        lines[-1] = last.rstrip(" ·,") + "…"
    return tuple(lines)


def _first_line(words: list[str], width: float, size: float, bold: bool) -> tuple[str, list[str]]:
    line = words[0]
    if text_width(line, size, bold=bold) > width:  # a word too long for any line is cut at the line's end
        kept = len(line)
        while kept > 1 and text_width(line[:kept], size, bold=bold) > width:
            kept -= 1
        return line[:kept], [line[kept:], *words[1:]]
    taken = 1
    while taken < len(words) and text_width(f"{line} {words[taken]}", size, bold=bold) <= width:
        line = f"{line} {words[taken]}"
        taken += 1
    return line, words[taken:]


def _advance(character: str) -> float:
    if character in "iljI.,:;|'·!()[] ":
        return 0.36
    if character in "mwMW@—…%“”":
        return 0.98
    if not character.isascii():
        return 1.05
    return 0.72 if character.isupper() else 0.62


def _days(dates: Sequence[dt.date]) -> list[Day]:
    gaps = [(later - earlier).days for earlier, later in pairwise(dates)]
    weights = [1 + 0.12 * (min(gap, LONG_GAP_DAYS) - 1) for gap in gaps]
    start = GUTTER + 14
    room = (WIDTH - CARD_WIDTH - 24 - start) / sum(weights) if weights else 0
    unit = min(max(room, DAY_MIN), CARD_WIDTH + 2 * CARD_GAP)
    days = [Day(dates[0], start, _day_label(start), cut=False)]
    for date, gap, weight in zip(dates[1:], gaps, weights, strict=True):
        x = days[-1].x + weight * unit
        days.append(Day(date, x, _day_label(x), cut=gap > LONG_GAP_DAYS))
    return days


def _day_label(x: float) -> Box:
    return Box(x + 4, TOP + 24, DAY_MIN - 8, 18)


def _weeks(days: Sequence[Day], width: float) -> list[tuple[str, float, float]]:
    weeks: list[tuple[str, float, float]] = []
    for each in days:
        name = f"week {each.date.isocalendar().week}"
        if not weeks or weeks[-1][0] != name:
            if weeks:
                weeks[-1] = (weeks[-1][0], weeks[-1][1], each.x)
            weeks.append((name, each.x, width))
    return weeks


def _lane(
    reported: Sequence[tuple[AuditEvent, Description]], at: dict[dt.date, float], top: float
) -> tuple[list[Card], float]:
    cards: list[Card] = []
    for audit_event, description in reported:
        title = wrap(description.title, CARD_WIDTH - 52, TITLE_SIZE, 2, bold=True)
        detail = wrap(description.detail, CARD_WIDTH - 20, TEXT_SIZE, 3)
        height = 10 + _LINE * (len(title) + len(detail))
        box = Box(at[audit_event.business_time.date()], top + LANE_PAD, CARD_WIDTH, height)
        while met := [each.box for each in cards if each.box.meets(_grown(box))]:
            box = Box(box.x, min(each.y + each.height for each in met) + CARD_GAP, box.width, box.height)
        cards.append(Card(box, description.tone, title, detail, f"{audit_event.business_time:%H:%M}"))
    bottom = max((each.box.y + each.box.height for each in cards), default=top + LANE_PAD + 14)
    return cards, bottom - top + LANE_PAD


def _grown(box: Box) -> Box:
    return Box(box.x - CARD_GAP / 2, box.y - CARD_GAP / 2, box.width + CARD_GAP, box.height + CARD_GAP)


def _bars(supplies: Sequence[Supply], at: dict[dt.date, float], top: float, width: float) -> list[Bar]:
    bars: list[Bar] = []
    for index, supply in enumerate(supplies):
        y = top + LANE_PAD + index * (BAR_HEIGHT + CARD_GAP)
        start, end = at[supply.start], max(at[supply.end], at[supply.start] + 8)
        late_from = max(at[supply.late_from], start) if supply.late_from and supply.late_from < supply.end else None
        ends_on = f" {day(supply.end)}"
        label = supply.label + ("" if day(supply.end) in supply.label else ends_on)
        [shown] = wrap(label, width - 40, TEXT_SIZE, 1)
        wide = text_width(shown, TEXT_SIZE) + 4
        inside = wide + 16 <= end - start
        x = start + 8 if inside else min(end + 8, width - wide - 8)
        bars.append(Bar(Box(start, y, end - start, BAR_HEIGHT), supply, late_from, shown, Box(x, y, wide, BAR_HEIGHT)))
    return bars


__all__ = ["Bar", "Box", "Card", "Day", "LaneBand", "Layout", "lay_out", "text_width", "wrap"]
