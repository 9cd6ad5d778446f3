"""Messages as they arrive: repeated, delayed, overtaken. Shared by the stories of orders and requirements."""

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from pydantic import JsonValue

from canonical.base import Criticality
from canonical.identity import RequirementId
from canonical.supply import ScheduleLine, SupplyRequest
from tests.decisions.models import a_peg, a_policy, june

NOW = dt.datetime(2026, 6, 1, 9, tzinfo=dt.UTC)
POLICY = a_policy()


def reported(schedule_lines: Iterable[ScheduleLine]) -> list[tuple[int, int | None, str]]:
    """Schedule lines as quantity, day of June, state."""
    return [(int(part.quantity), part.date.day if part.date else None, part.state.value) for part in schedule_lines]


def unnoted(kind: str, business_time: dt.datetime | None = None, /, **data: JsonValue) -> None:
    """Audit events show the order of arrival, on purpose; the state must not."""


def arrivals(messages: Sequence[Any]) -> st.SearchStrategy[list[Any]]:
    """The messages in any order, some of them several times."""
    again = st.lists(st.sampled_from(messages), max_size=4)
    return again.flatmap(lambda extra: st.permutations([*messages, *extra]))


def a_request(requirement: RequirementId, revision: int, quantity: int) -> SupplyRequest:
    return SupplyRequest(
        requirement_id=requirement,
        request_revision=revision,
        plant="1710",
        item=requirement.split("/")[2],
        unit="EA",
        lots=(Decimal(quantity),) if quantity else (),
        needed=Decimal(quantity),
        required_date=june(25),
        dock_date=june(20),
        send_by=june(1),
        pegs=(a_peg(max(quantity, 1), june(25)),),
        goods_receipt_days=2,
        criticality=Criticality.B,
        price=Decimal("2.00"),
        currency="USD",
    )
