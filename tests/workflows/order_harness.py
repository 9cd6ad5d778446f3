"""An order without a server: one that was sent, and the messages that reach it."""

import datetime as dt
from decimal import Decimal

from canonical.identity import OrderId, RequirementId
from canonical.messages import (
    DocumentEdited,
    OrderOpened,
    ShipmentsAnnounced,
    SupplierAnswered,
)
from canonical.order import (
    AnswerOutcome,
    AnswerScheduleLine,
    DocumentEdit,
    EditedField,
    GoodsReceipt,
    LineAnswer,
    OrderAnswer,
    ShipmentAnnounced,
    ShippedLine,
)
from canonical.records import OrderStage, OrderTerms
from tests.decisions.models import a_source, june
from tests.workflows.arrivals import NOW, POLICY, a_request
from workflows.purchase_order.state import OrderState

TERMS = OrderTerms(plant="1710", supplier="1580", currency="USD", terms="standard")
ORDER = OrderId("order/1710/1580/abc")
CHAIN, BELL = RequirementId("requirement/1710/CHAIN/1"), RequirementId("requirement/1710/BELL/1")
CHANGED = AnswerOutcome.CHANGED


def sent_order() -> OrderState:
    """100 chains on line 10, 60 bells on line 20, with the supplier."""
    opened = OrderOpened(order_id=ORDER, terms=TERMS, source=a_source(), policy=POLICY, correlation_id="c")
    state = OrderState.of(opened, NOW)
    state.add_lines(a_request(CHAIN, 1, 100))
    state.add_lines(a_request(BELL, 1, 60))
    state.stage, state.order_number, state.requisition_number = OrderStage.SENT, "4500000001", "1500000001"
    return state


def an_answer(number: int, *lines: LineAnswer, revision: int = 1, accepted: bool = False) -> SupplierAnswered:
    return SupplierAnswered(
        event_id=f"answer-{number}",
        answer=OrderAnswer(
            order_number="4500000001",
            order_revision=revision,
            answer_number=f"A{number}",
            header="accepted" if accepted else "per_line",
            lines=lines,
            effective_at=NOW + dt.timedelta(hours=number),
        ),
    )


def statement(line: int, *schedule_lines: tuple[AnswerOutcome, int, int | None], unit: str | None = None) -> LineAnswer:
    return LineAnswer(
        line=line,
        schedule_lines=tuple(
            AnswerScheduleLine(outcome=outcome, quantity=Decimal(quantity), date=june(day) if day else None, unit=unit)
            for outcome, quantity, day in schedule_lines
        ),
    )


def a_receipt(number: str, line: int, quantity: int, day: int, unit: str = "EA") -> GoodsReceipt:
    return GoodsReceipt(
        order_number="4500000001",
        line=line,
        quantity=Decimal(quantity),
        unit=unit,
        date=june(day),
        receipt_number=number,
        effective_at=NOW + dt.timedelta(days=day),
    )


def a_shipment(number: str, line: int, quantity: int) -> ShipmentsAnnounced:
    return ShipmentsAnnounced(
        event_id=number,
        shipment=ShipmentAnnounced(
            order_number="4500000001",
            despatch_number=number,
            lines=(ShippedLine(line=line, quantity=Decimal(quantity)),),
            effective_at=NOW + dt.timedelta(days=5),
        ),
    )


def an_edit(event: str, line: int, field: EditedField, new: str, hour: int, by: str = "ben") -> DocumentEdited:
    return DocumentEdited(
        event_id=event,
        edit=DocumentEdit(
            order_number="4500000001",
            line=line,
            field=field,
            old="-",
            new=new,
            edited_by=by,
            effective_at=NOW + dt.timedelta(hours=hour),
        ),
    )
