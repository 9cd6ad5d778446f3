"""The event types that Pegline accepts. One table holds, for each type, its data, the message it becomes, the domain
whose owner may send it, and its recipient. A new type needs an entry here and its recipient's handling
(`gateway.delivery`).

Decided here: when an event is acceptable by itself. Not here: whether it is newer than the last known state (the
ledger's registry, R10).
"""

import datetime as dt
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from itertools import islice
from typing import Any, Literal, NamedTuple

from pydantic import TypeAdapter, ValidationError

from canonical.base import Model
from canonical.bom import BomRevised
from canonical.event_data import (
    APPROVAL_DECIDED,
    BOM_REVISED,
    CONSUMPTION_REPORTED,
    GOODS_RECEIVED,
    ORDER_ANSWERED,
    ORDER_CHANGED,
    ORDER_EDITED,
    OUR_SOURCE,
    REQUIREMENT_PLANNED,
    REQUIREMENT_WITHDRAWN,
    SHIPMENT_ANNOUNCED,
    STOCK_CHANGED,
    ApprovalDecidedData,
    BomRevisedData,
    ConsumptionReportedData,
    GoodsReceivedData,
    OrderAnswered,
    OrderChangedData,
    OrderEditedData,
    RequirementPlanned,
    RequirementWithdrawnData,
    ShipmentAnnouncedData,
    StockChangedData,
)
from canonical.identity import OrderId, short_hash
from canonical.need import Need, Peg, Revision, Withdrawal
from canonical.order import ApprovalDecision, DocumentEdit, GoodsReceipt, OrderAnswer, ShipmentAnnounced, ShippedLine
from canonical.stock import StockReport, StockReportKind
from gateway.intake.cloudevents import Event
from gateway.intake.counted import fractions
from gateway.problems import FieldProblem, Refusal, field_path, in_words, shown

MESSAGE_BYTES_MAX = 256 * 1024
"""Of a message, as JSON: an entity keeps several, and Temporal takes no more than two megabytes at once."""
HORIZON_DAYS = 3660
"""No plan reaches further than ten years; a later date is a typing error."""
_REVISION_MAX = 2**53 - 1

OrderMessage = OrderAnswer | ShipmentAnnounced | GoodsReceipt | DocumentEdit | ApprovalDecision
Message = Need | Withdrawal | OrderMessage | BomRevised | StockReport
"""The content of an event as canonical models."""


class Recipient(StrEnum):
    """The recipient of a message."""

    REQUIREMENT = "requirement"
    ORDER = "order"
    CHANGE = "change"
    STOCK = "stock"
    SUPPLIER = "supplier"
    """Outside: an acknowledgement of ours."""


@dataclass(frozen=True)
class Acceptance:
    """The limits that an event is checked against on arrival."""

    plants: Collection[str]
    today: Callable[[str], dt.date]
    """The day that it is at a plant."""


OwnershipDomain = Literal[
    "requirement",
    "supplier_answer",
    "shipment",
    "goods_receipt",
    "order_document",
    "bill_of_material",
    "stock",
    "consumption",
]
"""A field of canonical.policy.Ownership."""


@dataclass(frozen=True)
class EventType:
    """What Pegline knows of an event type."""

    data: type[Model]
    message: type[Model]
    to_message: Callable[[Any, Event, dt.datetime], Model]
    """Of the data, the event and when it took effect."""
    owner: OwnershipDomain
    recipient: Recipient
    timed: bool = False
    """Its time orders it among events of its kind (R10), so it is mandatory."""
    require: Callable[[Any, Acceptance], None] = field(default=lambda message, acceptance: None)
    """Raises Refusal on a message that can't be intended."""
    example: Mapping[str, Any] = field(default_factory=dict)
    """For the API description: a summary and the data."""

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.message)

    def stored(self, message: str) -> Message:
        """The message as it was stored beside the event."""
        read: Message = self._adapter.validate_json(message)
        return read


# -- the messages


def _need(data: RequirementPlanned, event: Event, effective_at: dt.datetime) -> Need:
    return Need(
        plant=data.plant,
        item=data.item,
        quantity=data.quantity,
        unit=data.unit,
        required_date=data.required_date,
        source=source_code(event.source),
        demand_reference=data.demand_reference,
        revision=_revision(data, event, effective_at),
        sourcing_rule=data.sourcing_rule,
        pegging=tuple(Peg.model_validate(peg.model_dump()) for peg in data.pegging),
        planner=data.planner,
        demanded_by=OrderId(data.demanded_by) if data.demanded_by else None,
        demanding_line=data.demanding_line,
        from_stock=data.from_stock,
        transit_days=data.transit_days,
    )


def _withdrawal(data: RequirementWithdrawnData, event: Event, effective_at: dt.datetime) -> Withdrawal:
    return Withdrawal(
        plant=data.plant,
        item=data.item,
        source=source_code(event.source),
        demand_reference=data.demand_reference,
        revision=_revision(data, event, effective_at),
    )


def _answer(data: OrderAnswered, event: Event, effective_at: dt.datetime) -> OrderAnswer:
    return OrderAnswer(
        order_number=data.order,
        order_revision=data.order_revision,
        answer_number=_document_number(event.id),
        lines=data.lines,
        effective_at=effective_at,
    )


def _shipment(data: ShipmentAnnouncedData, _: Event, effective_at: dt.datetime) -> ShipmentAnnounced:
    return ShipmentAnnounced(
        order_number=data.order,
        despatch_number=_line_number(data.despatch_number, data.line),
        function=data.function,
        takes_back=_line_number(data.takes_back, data.line) if data.takes_back else None,
        arrives_on=data.date,
        lines=(ShippedLine(line=data.line, quantity=data.quantity, unit=data.unit),),
        effective_at=effective_at,
    )


def _receipt(data: GoodsReceivedData, _: Event, effective_at: dt.datetime) -> GoodsReceipt:
    return GoodsReceipt(
        order_number=data.order,
        line=data.line,
        quantity=data.quantity,
        unit=data.unit,
        date=data.date,
        receipt_number=_line_number(data.receipt_number, data.line),
        reverses=_line_number(data.reverses, data.line) if data.reverses else None,
        final=data.final,
        effective_at=effective_at,
    )


def _edit(data: OrderEditedData, _: Event, effective_at: dt.datetime) -> DocumentEdit:
    return DocumentEdit(
        order_number=data.order,
        line=data.line,
        field=data.field,
        old=data.old,
        new=data.new,
        price_unit=data.price_unit,
        edited_by=data.edited_by,
        effective_at=effective_at,
    )


def _approval(data: ApprovalDecidedData, _: Event, effective_at: dt.datetime) -> ApprovalDecision:
    return ApprovalDecision(order_number=data.order, document=data.document or data.order, effective_at=effective_at)


def _changed(data: OrderChangedData, _: Event, effective_at: dt.datetime) -> ApprovalDecision:
    return ApprovalDecision(order_number=data.order, document=data.order, changed=True, effective_at=effective_at)


def _bom(data: BomRevisedData, event: Event, effective_at: dt.datetime) -> BomRevised:
    return BomRevised(
        plant=data.plant,
        assembly=data.assembly,
        revision=data.revision,
        effective_from=data.effective_from,
        lines=data.lines,
        supersedes=data.supersedes,
        source=source_code(event.source),
        stated=_revision(data, event, effective_at),
    )


def _stock(data: StockChangedData | ConsumptionReportedData, event: Event, effective_at: dt.datetime) -> StockReport:
    whole = isinstance(data, StockChangedData)
    return StockReport(
        kind=StockReportKind.STATED if whole else StockReportKind.CONSUMED,
        plant=data.plant,
        item=data.item,
        quantity=data.quantity,
        unit=data.unit,
        reason=data.reason,
        source=source_code(event.source),
        effective_at=effective_at,
        sequence=data.sequence if isinstance(data, StockChangedData) else 0,
        event_id=event.id,
    )


def _revision(
    data: RequirementPlanned | RequirementWithdrawnData | BomRevisedData, event: Event, effective_at: dt.datetime
) -> Revision:
    return Revision(
        plan_version=data.plan_version,
        source_revision=data.source_revision,
        effective_at=effective_at,
        event_id=event.id,
    )


def source_code(source: str) -> str:
    """A CloudEvents source (any URI reference) as a code that fits an id; different sources get different codes."""
    if re.fullmatch(r"[^\s/][^/\n]*", source) and source == source.strip() and len(source) <= 60:
        return source
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', source).strip('-')[:40]}~{short_hash(source)}"


def _line_number(number: str, line: int) -> str:
    """The document's number with the line: an event reports one line, and an order identifies receipts and despatches
    by their number. Without the line, the second line of a document would count as a repetition of the first.
    """
    return _document_number(f"{number}/{line}")


def _document_number(number: str) -> str:
    return number if len(number) <= 70 else f"{number[:55]}~{short_hash(number)}"


# -- checks on arrival


def _require_need(need: Need, acceptance: Acceptance) -> None:
    _require_plant(need.plant, acceptance)
    _require_countable(need.revision)
    today = acceptance.today(need.plant)
    _require_near("data.required_date", need.required_date, today)
    for index, peg in enumerate(need.pegging):
        _require_near(f"data.pegging[{index}].date", peg.date, today)


def _require_withdrawal(withdrawal: Withdrawal, acceptance: Acceptance) -> None:
    _require_plant(withdrawal.plant, acceptance)
    _require_countable(withdrawal.revision)


def _require_bom(revised: BomRevised, acceptance: Acceptance) -> None:
    _require_plant(revised.plant, acceptance)
    _require_countable(revised.stated)
    _require_near("data.effective_from", revised.effective_from, acceptance.today(revised.plant))


def _require_stock(report: StockReport, acceptance: Acceptance) -> None:
    """A report dated in the future would count as newer than all reports until then (R10).

    A day is allowed for clocks that differ, and for UTC's day being ahead of the plant's.
    """
    _require_plant(report.plant, acceptance)
    today = acceptance.today(report.plant)
    if report.effective_at.astimezone(dt.UTC).date() > today + dt.timedelta(days=1):
        raise Refusal(
            422,
            "time_in_the_future",
            f"time {report.effective_at.isoformat()} lies after today, {today}",
            "send when the stock was so, or the consumption happened, with its offset",
            field="time",
            value=report.effective_at.isoformat(),
        )


def _require_plant(plant: str, acceptance: Acceptance) -> None:
    if plant not in acceptance.plants:
        known = ", ".join(sorted(acceptance.plants)) or "none"
        raise Refusal(
            422,
            "unknown_plant",
            f"plant {plant!r} is not one of Pegline's plants: {known}",
            f"send one of {known}, or have the plant's policy added",
            field="data.plant",
            value=plant,
        )


def _require_near(field: str, day: dt.date, today: dt.date) -> None:
    if abs((day - today).days) > HORIZON_DAYS:
        raise Refusal(
            422,
            "date_out_of_range",
            f"{field} {day} is more than ten years from today, {today}",
            "correct the date and send the event again with the same id",
            field=field,
            value=day.isoformat(),
        )


def _require_countable(revision: Revision) -> None:
    for name in ("plan_version", "source_revision"):
        number = getattr(revision, name)
        if number > _REVISION_MAX:
            raise Refusal(
                422,
                "invalid_field",
                f"data.{name} is above {_REVISION_MAX}",
                "number plan versions and revisions upwards from 1",
                field=f"data.{name}",
                value=number,
            )


# -- the table

EVENT_TYPES: Mapping[str, EventType] = {
    REQUIREMENT_PLANNED: EventType(
        data=RequirementPlanned,
        message=Need,
        to_message=_need,
        owner="requirement",
        recipient=Recipient.REQUIREMENT,
        timed=True,
        require=_require_need,
        example={
            "summary": "A plan needs an item",
            "id": "plan-7-0001",
            "source": "aps-main",
            "time": "2026-06-01T06:00:00+02:00",
            "data": {
                "plant": "P1",
                "item": "FR-R92B-58",
                "quantity": "500",
                "unit": "EA",
                "required_date": "2026-06-15",
                "demand_reference": "PLO-10001",
                "plan_version": 7,
                "pegging": [
                    {
                        "demand": "BUILD-4711",
                        "quantity": "500",
                        "date": "2026-06-15",
                        "criticality": "A",
                        "customer": "Bike Hub",
                    }
                ],
                "planner": "plan.p1",
            },
        },
    ),
    REQUIREMENT_WITHDRAWN: EventType(
        data=RequirementWithdrawnData,
        message=Withdrawal,
        to_message=_withdrawal,
        owner="requirement",
        recipient=Recipient.REQUIREMENT,
        timed=True,
        require=_require_withdrawal,
    ),
    ORDER_ANSWERED: EventType(
        data=OrderAnswered,
        message=OrderAnswer,
        to_message=_answer,
        owner="supplier_answer",
        recipient=Recipient.ORDER,
    ),
    SHIPMENT_ANNOUNCED: EventType(
        data=ShipmentAnnouncedData,
        message=ShipmentAnnounced,
        to_message=_shipment,
        owner="shipment",
        recipient=Recipient.ORDER,
        example={
            "summary": "A supplier has despatched goods",
            "id": "asn-80001234-10",
            "source": "portal",
            "time": "2026-06-08T16:00:00+02:00",
            "data": {
                "order": "4500000017",
                "line": 10,
                "quantity": "300",
                "unit": "EA",
                "date": "2026-06-10",
                "despatch_number": "80001234",
            },
        },
    ),
    GOODS_RECEIVED: EventType(
        data=GoodsReceivedData,
        message=GoodsReceipt,
        to_message=_receipt,
        owner="goods_receipt",
        recipient=Recipient.ORDER,
        example={
            "summary": "Goods are on stock",
            "id": "gr-5000000101-10",
            "source": "wms-p1",
            "time": "2026-06-10T10:00:00+02:00",
            "data": {
                "order": "4500000017",
                "line": 10,
                "quantity": "300",
                "unit": "EA",
                "date": "2026-06-10",
                "receipt_number": "5000000101",
            },
        },
    ),
    ORDER_EDITED: EventType(
        data=OrderEditedData,
        message=DocumentEdit,
        to_message=_edit,
        owner="order_document",
        recipient=Recipient.ORDER,
        example={
            "summary": "A person changed a line of our order in the ERP: its quantity, delivery_date or price; or it "
            "was deleted, blocked, or delivery_completed (false → true, and back where that is lifted)",
            "id": "edit-00000001",
            "source": "erp-main",
            "time": "2026-06-05T09:12:00+02:00",
            "data": {
                "order": "4500000017",
                "line": 10,
                "field": "quantity",
                "old": "300",
                "new": "320",
                "edited_by": "MILLER",
            },
        },
    ),
    APPROVAL_DECIDED: EventType(
        data=ApprovalDecidedData,
        message=ApprovalDecision,
        to_message=_approval,
        owner="order_document",
        recipient=Recipient.ORDER,
        example={
            "summary": "People of another system decided on what waited for them; the order looks there at once",
            "id": "approval-97-1",
            "source": "procurement-cloud",
            "time": "2026-06-02T14:30:00+02:00",
            "data": {"order": "97", "document": "97"},
        },
    ),
    ORDER_CHANGED: EventType(
        data=OrderChangedData,
        message=ApprovalDecision,
        to_message=_changed,
        owner="order_document",
        recipient=Recipient.ORDER,
        example={
            "summary": "An order of ours changed in the ERP, which does not say what; the order is read there at once",
            "id": "changed-00000001",
            "source": "erp-main",
            "time": "2026-06-05T09:12:00+02:00",
            "data": {"order": "4500000017"},
        },
    ),
    BOM_REVISED: EventType(
        data=BomRevisedData,
        message=BomRevised,
        to_message=_bom,
        owner="bill_of_material",
        recipient=Recipient.CHANGE,
        timed=True,
        require=_require_bom,
    ),
    STOCK_CHANGED: EventType(
        data=StockChangedData,
        message=StockReport,
        to_message=_stock,
        owner="stock",
        recipient=Recipient.STOCK,
        timed=True,
        require=_require_stock,
        example={
            "summary": "What is available to promise of an item, whole; below zero: overcommitted",
            "id": "stock-2026-06-01-0800-CH-0234",
            "source": "wms-1710",
            "time": "2026-06-01T08:00:00-07:00",
            "data": {"plant": "1710", "item": "CH-0234", "quantity": "120", "unit": "EA", "reason": "cycle count"},
        },
    ),
    CONSUMPTION_REPORTED: EventType(
        data=ConsumptionReportedData,
        message=StockReport,
        to_message=_stock,
        owner="consumption",
        recipient=Recipient.STOCK,
        timed=True,
        require=_require_stock,
    ),
}
KNOWN_TYPES = tuple(EVENT_TYPES)


def example_event(name: str) -> dict[str, Any]:
    """The example of a type as a structured CloudEvent."""
    own = {key: value for key, value in EVENT_TYPES[name].example.items() if key != "summary"}
    return {"specversion": "1.0", "type": name, **own}


# -- reading


class Content(NamedTuple):
    """What an event says."""

    message: Message
    ignored: tuple[str, ...]
    """Names in its data that mean nothing to Pegline; the sender is told them."""


def read(event: Event, received_at: dt.datetime) -> Content:
    """The content of the event; raises Refusal naming the field, the value and the next step."""
    known = EVENT_TYPES.get(event.type)
    if known is None:
        raise Refusal(
            422,
            "unknown_event_type",
            f"type {event.type!r} is not taken in",
            "send one of " + ", ".join(KNOWN_TYPES),
            field="type",
            value=event.type,
        )
    if known.timed and event.time is None:
        raise Refusal(
            400,
            "malformed_event",
            "this event needs time: when it took effect orders it among its kind (R10), never its arrival",
            "send time as RFC 3339 with an offset, such as 2026-06-15T08:00:00+02:00",
            field="time",
        )
    try:
        data = known.data.model_validate(event.data)
        message: Message = known.to_message(data, event, event.time or received_at)  # type: ignore[assignment]
    except ValidationError as error:
        raise _invalid(error) from error
    if event.source != OUR_SOURCE:  # a component's need of ours is what the bill of material makes it
        for path, quantity, detail in fractions(message):
            raise _fraction(path, quantity, detail)
    return Content(message, tuple(islice(_unknown_names(data, event.data, "data"), _UNKNOWN_NAMES_MAX)))


_UNKNOWN_NAMES_MAX = 20


def _unknown_names(known: object, sent: object, path: str) -> Iterator[str]:
    """The keys that the model of the data does not have, as paths."""
    if isinstance(known, Model) and isinstance(sent, dict):
        for name, value in sent.items():
            if name not in type(known).model_fields:
                yield f"{path}.{name[:60]}"
            else:
                yield from _unknown_names(getattr(known, name), value, f"{path}.{name}")
    elif isinstance(known, tuple) and isinstance(sent, list):
        for index, (model, value) in enumerate(zip(known, sent, strict=False)):
            yield from _unknown_names(model, value, f"{path}[{index}]")


def _fraction(path: str, quantity: Decimal, detail: str) -> Refusal:
    return Refusal(
        422,
        "fraction_of_a_count",
        f"data.{path}: {detail}",
        "send a whole number, or the unit that was meant; send the event again with the same id",
        field=f"data.{path}",
        value=f"{quantity:f}",
    )


def entity_of(message: Message) -> str:
    """The entity concerned, by our id or an order's number; its messages keep their order of arrival."""
    return message.order_number if isinstance(message, OrderMessage) else message.id


EVENTS_CHANNEL = "events"
"""The channel of dead letters that are events, not suppliers' documents."""


def message_to_store(message: Message) -> str:
    """The message as it is stored beside the event; raises Refusal (413) where its recipient could not hold it."""
    written = message.model_dump_json()
    if len(written) > MESSAGE_BYTES_MAX:
        raise Refusal(
            413,
            "message_too_large",
            f"what the event says has {len(written)} bytes; at most {MESSAGE_BYTES_MAX} are taken",
            "send less in one event: fewer pegs, lines or shorter texts",
            field="data",
            value=f"{len(written)} bytes",
        )
    return written


_NEXT_STEPS = {
    "missing": "send the field",
    "greater_than": "send a quantity above zero; a need that is gone is withdrawn, not negative",
    "greater_than_equal": "send zero or more",
    "decimal_parsing": 'send a decimal string such as "12.5"',
    "decimal_type": 'send a decimal string such as "12.5"',
    "finite_number": 'send a decimal string such as "12.5"',
    "date_from_datetime_parsing": "send an ISO date such as 2026-06-15",
    "date_from_datetime_inexact": "send an ISO date such as 2026-06-15, without a time",
    "date_format": "send an ISO date such as 2026-06-15",
    "date_type": "send an ISO date such as 2026-06-15",
    "literal_error": "send one of the values named",
    "string_pattern_mismatch": "send a code without slashes, line breaks or outer blanks",
}


def _invalid(error: ValidationError) -> Refusal:
    problems = [
        FieldProblem(
            field=field_path(("data", *each["loc"])),
            value=None if each["type"] == "missing" else shown(each["input"]),
            detail=in_words(each),
            next_step=_next_step(each["type"], str(each["loc"][-1])),
        )
        for each in error.errors(include_url=False)
    ]
    first = problems[0]
    code = "unknown_unit" if first.field.endswith("unit") and first.value is not None else "invalid_field"
    return Refusal(
        422,
        "date_out_of_range" if error.errors()[0]["type"] == "date_out_of_range" else code,
        f"{first.field}: {first.detail}",
        first.next_step,
        field=first.field,
        value=first.value,
        errors=problems if len(problems) > 1 else (),
    )


def _next_step(error_type: str, field: str) -> str:
    if field == "demand_reference":
        return (
            "send the stable reference of the demand; a plan whose lines have none is sent whole to /v1/plan-runs, "
            "where they are matched by date and quantity (R1)"
        )
    if field == "unit" and error_type == "value_error":
        return "send a UN/ECE Rec 20 code, such as EA or KGM"
    step = _NEXT_STEPS.get(error_type, "correct the field")
    return f"{step}, and send the event again with the same id"


__all__ = [
    "EVENTS_CHANNEL",
    "EVENT_TYPES",
    "HORIZON_DAYS",
    "KNOWN_TYPES",
    "MESSAGE_BYTES_MAX",
    "Acceptance",
    "Content",
    "EventType",
    "Message",
    "OrderMessage",
    "Recipient",
    "entity_of",
    "example_event",
    "message_to_store",
    "read",
    "source_code",
]
