"""Small charts as SVG that needs no style and no script: lengths are attributes, colours classes of the sheet.

Each chart stands beside a table with the same figures, and says in a title and a description what it shows.
"""

from collections.abc import Sequence
from decimal import Decimal
from html import escape
from typing import NamedTuple

from markupsafe import Markup

_WIDTH, _LABEL, _ROW = 520, 150, 22


class Bar(NamedTuple):
    """A labelled bar; `tone` is a class: now, before, system, person, supplier, hot."""

    label: str
    value: Decimal | None
    shown: str
    tone: str = "now"


def bars(name: str, title: str, description: str, given: Sequence[Bar]) -> Markup:
    """Horizontal bars on one scale from zero; `name` makes the ids unique on the page."""
    longest = max((bar.value for bar in given if bar.value is not None), default=Decimal(0)) or Decimal(1)
    room = _WIDTH - _LABEL - 90
    rows = []
    for place, bar in enumerate(given):
        top = place * _ROW
        width = max(1, round(room * float(bar.value / longest))) if bar.value else 0
        rows.append(
            f'<text class="label" x="{_LABEL - 8}" y="{top + 15}" text-anchor="end">{escape(bar.label[:22])}</text>'
            f'<rect class="bar-{escape(bar.tone)}" x="{_LABEL}" y="{top + 4}" width="{width}" height="14"/>'
            f'<text class="figure" x="{_LABEL + width + 6}" y="{top + 15}">{escape(bar.shown)}</text>'
        )
    height = max(1, len(given)) * _ROW
    return Markup(
        f'<svg class="chart" role="img" aria-labelledby="{name}-title {name}-desc" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}"><title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-desc">{escape(description)}</desc>{"".join(rows)}</svg>'
    )


__all__ = ["Bar", "bars"]
