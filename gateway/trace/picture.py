"""The trace picture: the history of a requirement on a time line, as one SVG without external assets.

Decided here: colours and strokes. Not here: positions (`gateway.trace.layout`) and texts (`gateway.trace.words`).
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from xml.sax.saxutils import quoteattr

from canonical.audit_event import AuditEvent
from gateway.trace.layout import (
    AXIS,
    GUTTER,
    LANE_PAD,
    TEXT_SIZE,
    TITLE_SIZE,
    TOP,
    Bar,
    Card,
    Layout,
    lay_out,
    text_width,
    wrap,
)
from gateway.trace.reasons import TracedReason, reason_rows
from gateway.trace.supply import SupplyState, supplies_of
from gateway.trace.words import Tone, day, describe, number

INK, SOFT, LINE, PAPER, BAND = "#1c2733", "#5b6b7b", "#d5dde5", "#ffffff", "#f5f8fa"
_TONES = {
    Tone.PLAIN: "#3b6ea5",
    Tone.GOOD: "#2e8b57",
    Tone.CARE: "#c98a12",
    Tone.BAD: "#c0392b",
    Tone.QUIET: "#9aa7b4",
}
_BARS = {
    SupplyState.REQUESTED: ("#e3ebf3", "#9db4cc"),
    SupplyState.CONFIRMED: ("#cfe9d9", "#2e8b57"),
    SupplyState.UNSURE: ("#f6e6c4", "#c98a12"),
    SupplyState.RECEIVED: ("#9fd3b5", "#1f6b41"),
    SupplyState.REPLACED: ("#ffffff", "#b9a3a0"),
}
_LATE = "#f3b6ae"
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


@dataclass(frozen=True)
class Heading:
    """The heading above the picture."""

    title: str
    subtitle: str
    need_date: dt.date
    intact: bool
    """Whether the hash chains of all entities hold."""


def draw(heading: Heading, audit_events: Sequence[AuditEvent]) -> str:
    """The picture as SVG; the audit events are the requirement's, its orders' and its exceptions', in any order."""
    layout = lay_out(describe(audit_events), supplies_of(audit_events), heading.need_date)
    body = [
        *_ground(layout),
        *_axis(layout),
        *_need(layout, heading.need_date),
        *(part for bar in layout.bars for part in _bar(bar)),
        *(part for card in layout.cards for part in _card(card)),
        *_heading(layout, heading),
        *_legend(layout),
    ]
    width, height = f"{layout.width:.0f}", f"{layout.height:.0f}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" font-family="{_FONT}" role="img" aria-label={quoteattr(clean(heading.title))}>',
            '<defs><pattern id="late" width="6" height="6" patternUnits="userSpaceOnUse" '
            f'patternTransform="rotate(45)"><rect width="6" height="6" fill="{_LATE}"/>'
            '<rect width="2" height="6" fill="#c0392b" fill-opacity="0.45"/></pattern></defs>',
            *body,
            "</svg>",
        ]
    )


def page(
    heading: Heading,
    audit_events: Sequence[AuditEvent],
    more: Sequence[tuple[str, str]] = (),
    reasons: Sequence[TracedReason] = (),
) -> str:
    """The picture as an HTML page, with the rules' outcomes and the documents' numbers under it."""
    rows = "".join(f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in more)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(heading.title)}</title><style>"
        f"body{{margin:24px;background:{BAND};color:{INK};font:14px/1.5 {_FONT}}}"
        f".sheet{{background:#fff;border:1px solid {LINE};border-radius:10px;overflow-x:auto;padding:8px}}"
        "svg{display:block;width:100%;height:auto;min-width:900px;max-width:1600px}"
        "dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 18px;margin:18px 8px}"
        f"dt{{color:{SOFT}}}dd{{margin:0;overflow-wrap:anywhere}}"
        f"table{{border-collapse:collapse;background:#fff;border:1px solid {LINE};margin:18px 0}}"
        f"th,td{{text-align:left;vertical-align:top;padding:4px 10px;border-top:1px solid {LINE}}}th{{color:{SOFT}}}"
        f'</style></head><body><div class="sheet">{draw(heading, audit_events)}</div>{_why(reasons)}<dl>{rows}</dl>'
        "</body></html>"
    )


def _why(reasons: Sequence[TracedReason]) -> str:
    """One row per outcome, with all that a person needs to check it by hand."""
    if not reasons:
        return ""
    head = "".join(f"<th>{name}</th>" for name in ("When", "Rule", "Why", "Compared", "Policy says", "Policy version"))
    rows = "".join(
        "<tr>" + "".join(f"<td>{_text(str(cell))}</td>" for _, cell in reason_row) + "</tr>"
        for reason_row in reason_rows(reasons)
    )
    return f"<h2>Why it was decided so</h2><table><tr>{head}</tr>{rows}</table>"


def clean(text: str) -> str:
    """The text without characters that XML can't represent."""
    return "".join(each for each in text if each in "\t\n" or (each >= " " and not "\ud800" <= each <= "\udfff"))


def _text(text: str) -> str:
    return escape(clean(text))


def _write(
    x: float, y: float, text: str, size: float, colour: str = INK, *, weight: int = 400, anchor: str = "start"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" font-weight="{weight}" '
        f'text-anchor="{anchor}">{_text(text)}</text>'
    )


def _rect(x: float, y: float, width: float, height: float, fill: str, extra: str = "") -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}" {extra}/>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, extra: str = "") -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" {extra}/>'


def _heading(layout: Layout, heading: Heading) -> list[str]:
    badge, colour = (
        ("audit events chained, unbroken", _TONES[Tone.GOOD])
        if heading.intact
        else ("audit event chain BROKEN", _TONES[Tone.BAD])
    )
    wide = text_width(badge, TEXT_SIZE, bold=True) + 20
    x = layout.width - wide - 24
    [title] = wrap(heading.title, x - 44, 20, 1, bold=True) or ("",)
    [subtitle] = wrap(heading.subtitle, layout.width - 48, 12, 1) or ("",)
    return [
        _write(24, 40, title, 20, weight=650),
        _write(24, 64, subtitle, 12, SOFT),
        _rect(x, 22, wide, 24, "none", f'rx="12" stroke="{colour}"'),
        _write(x + wide / 2, 38, badge, TEXT_SIZE, colour, weight=600, anchor="middle"),
    ]


def _ground(layout: Layout) -> list[str]:
    parts = [_rect(0, 0, layout.width, layout.height, PAPER)]
    for index, lane in enumerate(layout.lanes):
        if index % 2 == 0:
            parts.append(_rect(0, lane.y, layout.width, lane.height, BAND))
        parts.append(_write(24, lane.y + LANE_PAD + 14, lane.name, 13, SOFT, weight=600))
    return parts


def _axis(layout: Layout) -> list[str]:
    top, bottom = TOP + AXIS, layout.lanes[-1].y + layout.lanes[-1].height
    parts = [_line(GUTTER, top, layout.width, top, LINE)]
    for index, (name, start, end) in enumerate(layout.weeks):
        if index % 2 == 0:
            parts.append(_rect(start, TOP, end - start, 20, BAND, 'rx="4"'))
        parts.append(_write(start + 4, TOP + 14, name, 10, SOFT))
    for each in layout.days:
        parts.append(_line(each.x, top - 6, each.x, bottom, LINE, 'stroke-dasharray="1 4"'))
        parts.append(_write(each.x + 4, TOP + 36, day(each.date), TEXT_SIZE, weight=600))
        if each.cut:
            x = each.x - 22
            parts.append(_rect(x - 3, top - 5, 10, 10, PAPER))
            parts += [
                _line(x + shift, top + 6, x + shift + 5, top - 6, SOFT, 'stroke-width="1.4"') for shift in (-3, 3)
            ]
    return parts


def _need(layout: Layout, need_date: dt.date) -> list[str]:
    if layout.need_x is None:
        return []
    bottom = layout.lanes[-1].y + layout.lanes[-1].height
    colour = _TONES[Tone.BAD]
    label = f"needed {day(need_date)}"
    wide = text_width(label, TEXT_SIZE, bold=True) + 12
    x = min(layout.need_x - 1, layout.width - wide - 4)
    return [
        _line(layout.need_x, TOP, layout.need_x, bottom, colour, 'stroke-width="1.6" stroke-dasharray="6 4"'),
        _rect(x, TOP - 22, wide, 20, colour, 'rx="4"'),
        _write(x + wide / 2, TOP - 8, label, TEXT_SIZE, PAPER, weight=600, anchor="middle"),
    ]


def _card(card: Card) -> list[str]:
    box, colour = card.box, _TONES[card.tone]
    parts = [
        _rect(box.x, box.y, box.width, box.height, PAPER, f'rx="5" stroke="{LINE}"'),
        _rect(box.x, box.y, 4, box.height, colour, 'rx="2"'),
        _write(box.x + box.width - 8, box.y + 18, card.time, 10, SOFT, anchor="end"),
    ]
    y = box.y + 18
    ink = SOFT if card.tone is Tone.QUIET else INK
    for line in card.title:
        parts.append(_write(box.x + 12, y, line, TITLE_SIZE, ink, weight=600))
        y += 15
    for line in card.detail:
        parts.append(_write(box.x + 12, y, line, TEXT_SIZE, SOFT))
        y += 15
    return parts


def _bar(bar: Bar) -> list[str]:
    box = bar.box
    fill, edge = _BARS[bar.supply.state]
    parts = [_rect(box.x, box.y, box.width, box.height, fill, 'rx="4"')]
    faded = bar.supply.state is SupplyState.REPLACED
    if bar.late_from is not None:
        late = box.x + box.width - bar.late_from
        parts.append(_rect(bar.late_from, box.y, late, box.height, "url(#late)", 'opacity="0.55"' if faded else ""))
    dashes = ' stroke-dasharray="4 3"' if faded else ""
    parts.append(_rect(box.x, box.y, box.width, box.height, "none", f'rx="4" stroke="{edge}"{dashes}'))
    label = bar.label_box
    inside = label.x < box.x + box.width
    if inside and bar.late_from is not None and label.x + label.width > bar.late_from:
        parts.append(_rect(label.x - 3, label.y + 4, label.width + 2, 14, PAPER, 'rx="3" fill-opacity="0.82"'))
    parts.append(_write(label.x, label.y + 15, bar.label, TEXT_SIZE, INK))
    return parts


def _legend(layout: Layout) -> list[str]:
    x, y = GUTTER, layout.height - 18
    entries = [(words, _BARS[state]) for state, words in _LEGEND] + [("later than asked", ("url(#late)", "#c0392b"))]
    parts: list[str] = []
    for words, (fill, edge) in entries:
        parts.append(_rect(x, y - 10, 22, 12, fill, f'rx="3" stroke="{edge}"'))
        parts.append(_write(x + 28, y, words, TEXT_SIZE, SOFT))
        x += 28 + text_width(words, TEXT_SIZE) + 22
    parts.append(_write(x, y, "A card's left edge is its day; // marks a gap that is cut.", TEXT_SIZE, SOFT))
    return parts


_LEGEND = (
    (SupplyState.REQUESTED, "wanted"),
    (SupplyState.CONFIRMED, "confirmed"),
    (SupplyState.UNSURE, "not sure"),
    (SupplyState.RECEIVED, "received"),
)

__all__ = ["Heading", "clean", "draw", "number", "page"]
