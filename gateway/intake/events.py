"""The event types that Pegline takes in: what their data must be, and which canonical message each becomes.

What is decided here: when an event is acceptable on its face. Not here: whether it is news (the ledger's registry,
R10) or whom it finds (`gateway.delivery.delivery`).
"""

import datetime as dt
import re
from collections.abc import Collection
from dataclasses import dataclass

from pydantic import ValidationError

from canonical.base import Model
from canonical.bom import BomRevised
from canonical.event_data import (
    BOM_REVISED,
    CONSUMPTION_REPORTED,
    GOODS_RECEIVED,
    ORDER_ANSWERED,
    ORDER_EDITED,
    REQUIREMENT_PLANNED,
    REQUIREMENT_WITHDRAWN,
    SHIPMENT_ANNOUNCED,
    STOCK_CHANGED,
    BomRevisedData,
    ConsumptionReportedData,
    GoodsReceivedData,
    OrderAnswered,
    OrderEditedData,
    RequirementPlanned,
    RequirementWithdrawnData,
    ShipmentAnnouncedData,
    StockChangedData,
)
from canonical.identity import OrderId, short_hash
from canonical.need import Need, Peg, Revision, Withdrawal
from canonical.order import DocumentEdit, GoodsReceipt, OrderAnswer, ShipmentAnnounced, ShippedLine
from canonical.stock import StockReport, StockReportKind
from gateway.intake.cloudevents import Event
from gateway.problems import FieldProblem, Refusal, field_path, shown

SUPPLIER_DOCUMENT = "pegline.supplier.document.v1"
"""Not a CloudEvent: a supplier's own document, read by its channel's dialect."""

REQUIREMENT_TYPES = frozenset({REQUIREMENT_PLANNED, REQUIREMENT_WITHDRAWN})
_TIMED_TYPES = REQUIREMENT_TYPES | {BOM_REVISED, STOCK_CHANGED, CONSUMPTION_REPORTED}
HORIZON_DAYS = 3660
"""No plan reaches further than ten years; what does is a typing error."""

_REVISION_MAX = 2**53 - 1

_DATA: dict[str, type[Model]] = {
    REQUIREMENT_PLANNED: RequirementPlanned,
    REQUIREMENT_WITHDRAWN: RequirementWithdrawnData,
    ORDER_ANSWERED: OrderAnswered,
    SHIPMENT_ANNOUNCED: ShipmentAnnouncedData,
    GOODS_RECEIVED: GoodsReceivedData,
    ORDER_EDITED: OrderEditedData,
    BOM_REVISED: BomRevisedData,
    STOCK_CHANGED: StockChangedData,
    CONSUMPTION_REPORTED: ConsumptionReportedData,
}
KNOWN_TYPES = tuple(_DATA)

Subject = Need | Withdrawal | OrderAnswer | ShipmentAnnounced | GoodsReceipt | DocumentEdit | BomRevised | StockReport
"""What an event says, in canonical words."""


@dataclass(frozen=True)
class Acceptance:
    """What an event is measured by when it arrives."""

    plants: Collection[str]
    today: dt.date


def read(event: Event, received_at: dt.datetime) -> Subject:
    """What the event says; raises Refusal naming the field, the value and the next step."""
    if event.type not in _DATA:
        raise Refusal(
            422,
            "unknown_event_type",
            f"type {event.type!r} is not taken in",
            "send one of " + ", ".join(KNOWN_TYPES),
            field="type",
            value=event.type,
        )
    if event.type in _TIMED_TYPES and event.time is None:
        raise Refusal(
            400,
            "malformed_event",
            "this event needs time: when it took effect orders it among its kind (R10), never its arrival",
            "send time as RFC 3339 with an offset, such as 2026-06-15T08:00:00+02:00",
            field="time",
        )
    try:
        return _subject(event, _DATA[event.type].model_validate(event.data), event.time or received_at)
    except ValidationError as error:
        raise _invalid(error) from error


def require_acceptable(subject: Subject, acceptance: Acceptance) -> None:
    """Refuse an unknown plant and dates that no plan means; raises Refusal."""
    if isinstance(subject, Need | Withdrawal | BomRevised | StockReport) and subject.plant not in acceptance.plants:
        known = ", ".join(sorted(acceptance.plants)) or "none"
        raise Refusal(
            422,
            "unknown_plant",
            f"plant {subject.plant!r} is not one of Pegline's plants: {known}",
            f"send one of {known}, or have the plant's policy added",
            field="data.plant",
            value=subject.plant,
        )
    if isinstance(subject, StockReport):
        _require_happened(subject, acceptance.today)
    if isinstance(subject, Need | Withdrawal):
        _require_countable(subject.revision)
    if isinstance(subject, BomRevised):
        _require_countable(subject.stated)
        _require_in_range("data.effective_from", subject.effective_from, acceptance.today)
    if not isinstance(subject, Need):
        return
    today = acceptance.today
    if subject.required_date < today:
        raise Refusal(
            422,
            "date_in_the_past",
            f"required_date {subject.required_date} lies before today, {today}",
            "plan the requirement again with a date from today on, or withdraw it",
            field="data.required_date",
            value=subject.required_date.isoformat(),
        )
    days = [("data.required_date", subject.required_date)]
    days += [(f"data.pegging[{index}].date", peg.date) for index, peg in enumerate(subject.pegging)]
    for field, day in days:
        _require_in_range(field, day, today)


def _require_happened(report: StockReport, today: dt.date) -> None:
    """What is said of a day to come would count for newer than all that is said until then (R10)."""
    if report.effective_at.date() > today + dt.timedelta(days=1):
        raise Refusal(
            422,
            "time_in_the_future",
            f"time {report.effective_at.isoformat()} lies after today, {today}",
            "send when the stock was so, or the consumption happened, with its offset",
            field="time",
            value=report.effective_at.isoformat(),
        )


def _require_in_range(field: str, day: dt.date, today: dt.date) -> None:
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
    for field in ("plan_version", "source_revision"):
        number = getattr(revision, field)
        if number > _REVISION_MAX:
            raise Refusal(
                422,
                "invalid_field",
                f"data.{field} is above {_REVISION_MAX}",
                "number plan versions and revisions upwards from 1",
                field=f"data.{field}",
                value=number,
            )


def entity_of(subject: Subject) -> str:
    """What the message is about: a requirement's or change's id, an order's number; its order of arrival is kept."""
    return subject.id if isinstance(subject, Need | Withdrawal | BomRevised | StockReport) else subject.order_number


def source_code(source: str) -> str:
    """A CloudEvents source (any URI reference) as a code that fits an id; two sources stay two."""
    if re.fullmatch(r"[^\s/][^/\n]*", source) and source == source.strip() and len(source) <= 60:
        return source
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', source).strip('-')[:40]}~{short_hash(source)}"


def _subject(event: Event, data: Model, effective_at: dt.datetime) -> Subject:
    match data:
        case RequirementPlanned():
            return Need(
                plant=data.plant,
                item=data.item,
                quantity=data.quantity,
                unit=data.unit,
                required_date=data.required_date,
                source=source_code(event.source),
                demand_reference=data.demand_reference,
                revision=_revision(event, data, effective_at),
                sourcing_rule=data.sourcing_rule,
                pegging=tuple(Peg.model_validate(peg.model_dump()) for peg in data.pegging),
                planner=data.planner,
                demanded_by=OrderId(data.demanded_by) if data.demanded_by else None,
                demanding_line=data.demanding_line,
                transit_days=data.transit_days,
            )
        case RequirementWithdrawnData():
            return Withdrawal(
                plant=data.plant,
                item=data.item,
                source=source_code(event.source),
                demand_reference=data.demand_reference,
                revision=_revision(event, data, effective_at),
            )
        case OrderAnswered():
            return OrderAnswer(
                order_number=data.order,
                order_revision=data.order_revision,
                answer_number=_document_number(event.id),
                lines=data.lines,
                effective_at=effective_at,
            )
        case GoodsReceivedData():
            return GoodsReceipt(
                order_number=data.order,
                line=data.line,
                quantity=data.quantity,
                unit=data.unit,
                date=data.date,
                receipt_number=_line_number(data),
                effective_at=effective_at,
            )
        case ShipmentAnnouncedData():
            return ShipmentAnnounced(
                order_number=data.order,
                despatch_number=_line_number(data),
                arrives_on=data.date,
                lines=(ShippedLine(line=data.line, quantity=data.quantity, unit=data.unit),),
                effective_at=effective_at,
            )
        case OrderEditedData():
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
        case BomRevisedData():
            return BomRevised(
                plant=data.plant,
                assembly=data.assembly,
                revision=data.revision,
                effective_from=data.effective_from,
                lines=data.lines,
                supersedes=data.supersedes,
                source=source_code(event.source),
                stated=_revision(event, data, effective_at),
            )
        case StockChangedData() | ConsumptionReportedData():
            stated = isinstance(data, StockChangedData)
            return StockReport(
                kind=StockReportKind.STATED if stated else StockReportKind.CONSUMED,
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
    raise AssertionError(f"no canonical message for {event.type}")


def _revision(
    event: Event, data: RequirementPlanned | RequirementWithdrawnData | BomRevisedData, effective_at: dt.datetime
) -> Revision:
    return Revision(
        plan_version=data.plan_version,
        source_revision=data.source_revision,
        effective_at=effective_at,
        event_id=event.id,
    )


def _line_number(data: ShipmentAnnouncedData) -> str:
    """The document's number with the line: the event tells of one line, and an order knows receipts and despatches by
    their number. Without the line, the second line of a document would pass for a repetition of the first.
    """
    return _document_number(f"{data.receipt_number}/{data.line}")


def _document_number(number: str) -> str:
    return number if len(number) <= 70 else f"{number[:55]}~{short_hash(number)}"


_NEXT_STEPS = {
    "missing": "send the field",
    "greater_than": "send a quantity above zero; a need that is gone is withdrawn, not negative",
    "greater_than_equal": "send zero or more",
    "decimal_parsing": 'send a decimal string such as "12.5"',
    "decimal_type": 'send a decimal string such as "12.5"',
    "finite_number": 'send a decimal string such as "12.5"',
    "date_from_datetime_parsing": "send an ISO date such as 2026-06-15",
    "date_from_datetime_inexact": "send an ISO date such as 2026-06-15, without a time",
    "date_type": "send an ISO date such as 2026-06-15",
    "literal_error": "send quantity, delivery_date, price or deleted",
    "string_pattern_mismatch": "send a code without slashes, line breaks or outer blanks",
}


def _invalid(error: ValidationError) -> Refusal:
    problems = [
        FieldProblem(
            field=field_path(("data", *each["loc"])),
            value=None if each["type"] == "missing" else shown(each["input"]),
            detail=str(each["msg"]).removeprefix("Value error, "),
            next_step=_next_step(each["type"], str(each["loc"][-1])),
        )
        for each in error.errors(include_url=False)
    ]
    first = problems[0]
    return Refusal(
        422,
        "unknown_unit" if first.field.endswith("unit") and first.value is not None else "invalid_field",
        f"{first.field}: {first.detail}",
        first.next_step,
        field=first.field,
        value=first.value,
        errors=problems if len(problems) > 1 else (),
    )


def _next_step(error_type: str, field: str) -> str:
    if field == "demand_reference":
        return "send the stable reference of the demand; matching by date and quantity (R1) is not built yet"
    if field == "unit" and error_type == "value_error":
        return "send a UN/ECE Rec 20 code, such as EA or KGM"
    step = _NEXT_STEPS.get(error_type, "correct the field")
    return f"{step}, and send the event again with the same id"


__all__ = [
    "HORIZON_DAYS",
    "KNOWN_TYPES",
    "REQUIREMENT_TYPES",
    "SUPPLIER_DOCUMENT",
    "Acceptance",
    "Subject",
    "entity_of",
    "read",
    "require_acceptable",
    "source_code",
]
