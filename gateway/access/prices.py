"""Prices are left out for callers who may not see them.

Decided here: what of an answer is a price: fields by their names, both sides of a price that changed, and amounts in
sentences. What is left out is not there at all: a zero would be read as a price. Who sees prices is recorded.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from gateway.access.principal import Principal, Right
from ledger.ledger import Ledger
from ledger.people.people import AccessKind

_PRICE = re.compile(r"(?:^|_)(?:prices?|costs?|value|amount)(?:_|$)")
_BOTH_SIDES = ("ordered", "answered", "old", "new", "before", "after", "deviation")
_AMOUNT = re.compile(r"(?<![\w.])\d[\d,.\u202f]*(?=[ \u202f][A-Z]{3}\b(?<!KGM)(?<!MTR)(?<!PCE))")
_DECIMAL = re.compile(r"(?<![\w.])\d[\d,\u202f]*\.\d+(?![\w.])")
_ABOUT_MONEY = re.compile(r"price|cost|surcharge|worth", re.IGNORECASE)
HIDDEN = "…"


def is_price(field: str) -> bool:
    """Whether a field of this name holds a price or a value in money."""
    return _PRICE.search(field) is not None


def without_prices(content: Any) -> Any:
    """JSON without fields that hold prices, and with the amounts in its sentences hidden."""
    if isinstance(content, Mapping):
        changed = next((content[name] for name in ("aspect", "field") if name in content), None)
        hidden = _BOTH_SIDES if changed in ("price", "currency") else ()
        return {
            name: without_prices(value)
            for name, value in content.items()
            if name not in hidden and not is_price(str(name))
        }
    if isinstance(content, list | tuple):
        return [without_prices(each) for each in content]
    return plain(content) if isinstance(content, str) else content


def plain(sentence: str) -> str:
    """A sentence with its amounts of money hidden."""
    shown = _AMOUNT.sub(HIDDEN, sentence)
    return _DECIMAL.sub(HIDDEN, shown) if _ABOUT_MONEY.search(shown) else shown


def as_seen_by(principal: Principal, view: BaseModel) -> dict[str, Any]:
    """The view as JSON, without prices where the caller may not see them."""
    content: dict[str, Any] = view.model_dump(mode="json")
    shown: dict[str, Any] = content if principal.may(Right.SEE_PRICES) else without_prices(content)
    return shown


async def record_seen(ledger: Ledger, principal: Principal, entities: Sequence[str], where: str) -> None:
    """Record that the caller saw prices of these entities, unless they may not, or nobody is asked who they are."""
    if entities and principal.may(Right.SEE_PRICES) and not principal.named_by_body:
        await ledger.people.record(principal.subject, AccessKind.SAW_PRICES, entities, where)


__all__ = ["HIDDEN", "as_seen_by", "is_price", "plain", "record_seen", "without_prices"]
