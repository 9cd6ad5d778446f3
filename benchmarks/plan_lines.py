"""Plans for measuring: lines for the items that the demo's plant 1710 buys, with two demands each, some of them
critical.
"""

import datetime as dt
import json
from collections.abc import Iterator

from demo.purchasing import purchasing_terms

PLANT = "1710"
"""It buys everything directly: one requirement per line and no others."""


def items() -> list[str]:
    """The items with a source."""
    return sorted({terms.item for terms in purchasing_terms()})


def plan(count: int, today: dt.date, *, prefix: str = "R", changed: int = 0, known: list[str] | None = None) -> bytes:
    """NDJSON of `count` lines; the first `changed` lines have twice the quantity."""
    return b"".join(_lines(count, today, prefix, changed, known or items()))


def _lines(count: int, today: dt.date, prefix: str, changed: int, known: list[str]) -> Iterator[bytes]:
    for number in range(count):
        due = (today + dt.timedelta(days=180 + number // len(known) % 250)).isoformat()
        quantity = 100 + number % 7 * 100
        reported = {
            "item": known[number % len(known)],
            "quantity": str(quantity * (2 if number < changed else 1)),
            "unit": "EA",
            "required_date": due,
            "demand_reference": f"{prefix}{number:07}",
            "pegging": [
                {
                    "demand": f"SO-{number}-{part}",
                    "quantity": str(quantity // 2),
                    "date": due,
                    "criticality": "ABC"[(number + part) % 3],
                }
                for part in range(2)
            ],
        }
        yield json.dumps(reported).encode() + b"\n"
