"""ORDRSP as the canonical answer.

Decided here: what the codes of heading (BGM 1225, 4343) and line (LIN 1229) mean together, and which quantities and
dates remain valid. The explicit code of a line wins over an accepting heading; a rejecting heading over accepted lines,
"accepted" over other quantities or a later date, and any code outside the tables are unreadable. Not decided here:
whether the supplier's promise is good enough (R8), or how an unmentioned quantity is treated (R9).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from adapters.supplier.edifact.sections import (
    LineGroup,
    LineReference,
    Sections,
    heading_order,
    line_reference,
    our_item,
    remarks,
    sections,
    substitutes,
)
from adapters.supplier.edifact.syntax import Message, Segment, unreadable
from adapters.supplier.edifact.terms import (
    AnsweredQuantity,
    Dates,
    LineTerms,
    heading_dates,
    is_net_price,
    line_terms,
    stated_price,
    unplaced,
)
from adapters.supplier.edifact.values import OrderReference, document_number, effective_at, require_line_count
from canonical.order import REMARKS_MAX, AnswerOutcome, AnswerScheduleLine, LineAnswer, OrderAnswer

_ASK_CODES = "Ask the supplier to answer with action codes (LIN 1229, or BGM 1225/4343); or fix and replay it."
_ASK_WHICH = "Ask the supplier which of the two is meant; then fix the document and replay it."
_DOCUMENTS = ("231", "320")


@dataclass(frozen=True)
class Stand:
    """The answer of a heading for lines that are not named, and for named lines without a code of their own."""

    unnamed: Literal["accepted", "rejected", "per_line"]
    uncoded: AnswerOutcome | None
    needs_lines: bool = False


_ACCEPTED = Stand("accepted", AnswerOutcome.ACCEPTED)
_REJECTED = Stand("rejected", AnswerOutcome.REJECTED)
_CHANGED = Stand("per_line", AnswerOutcome.CHANGED, needs_lines=True)
_BY_LINE = Stand("per_line", None, needs_lines=True)
_RESPONSES = {  # 4343
    "AB": Stand("per_line", None),  # receipt only
    "AC": _CHANGED,
    "AD": _ACCEPTED,
    "AI": Stand("accepted", AnswerOutcome.CHANGED, needs_lines=True),  # names only the lines it changes
    "AJ": Stand("per_line", AnswerOutcome.ON_HOLD),  # pending
    "AP": _ACCEPTED,
    "CA": _BY_LINE,
    "RE": _REJECTED,
}
_FUNCTIONS = {  # 1225; 28, 30 and 34 as the annex of ORDRSP explains them
    "4": _CHANGED,
    "12": Stand("per_line", None),  # received, not processed yet
    "27": _REJECTED,
    "28": _ACCEPTED,  # amended in its heading; the details are accepted
    "29": _ACCEPTED,
    "30": Stand("accepted", AnswerOutcome.CHANGED, needs_lines=True),  # names only the lines it changes
    "34": Stand("accepted", AnswerOutcome.CHANGED, needs_lines=True),
    "44": _ACCEPTED,  # without reserves
    "45": _BY_LINE,  # with reserves
}
_SAYS_NOTHING = frozenset({"", "5", "6", "7", "9", "11", "35", "42", "43"})
"""1225: replacement, confirmation, duplicate, original, response, retransmission, confirmation of what was agreed
elsewhere, additional transmission: how the document came about, which implies no acceptance."""
_NO_ACTION = frozenset({"4", "11"})
"""1229: not affected, not amended: the line stands there for information."""
_ACTIONS = {  # LIN 1229
    "2": AnswerOutcome.DELETED,
    "3": AnswerOutcome.CHANGED,
    "5": AnswerOutcome.ACCEPTED,
    "6": AnswerOutcome.CHANGED,
    "7": AnswerOutcome.REJECTED,
    "10": AnswerOutcome.REJECTED,
    "21": AnswerOutcome.REJECTED,  # no delivery
    "24": AnswerOutcome.CHANGED,  # accepted with an amendment that needs no confirmation
}
_NOTHING_COMES = frozenset({AnswerOutcome.REJECTED, AnswerOutcome.DELETED})


@dataclass(frozen=True)
class _Statement:
    """The content of one LIN for an order line."""

    group: LineGroup
    outcome: AnswerOutcome | None
    """None: no action, the line is not affected."""
    terms: LineTerms
    reference: LineReference
    item: str | None
    """Our number of it; None where none is given, or a substitute."""


def read_answer(message: Message, shared_numbers: Iterable[str]) -> OrderAnswer:
    """The answer in an ORDRSP; `shared_numbers` are BGM numbers that do not identify a message."""
    parts = sections(message, _DOCUMENTS)
    if not any(segment.tag == "UNS" for segment in message.segments):
        raise unreadable("missing_segment", parts.beginning, "the message has no UNS")
    require_line_count(message, len(parts.lines))
    stand = _stand(parts)
    dates = heading_dates(parts.heading)
    if dates.promised is not None:
        stand = _with_heading_date(stand, parts)
    elif dates.unplaced is not None and stand.unnamed == "accepted":
        raise unplaced(dates.unplaced)
    order = _order(parts)
    return OrderAnswer(
        order_number=order.order,
        order_revision=order.revision,
        answer_number=document_number(message, parts.beginning, {order.order, *shared_numbers}),
        header=stand.unnamed,
        lines=_lines(parts, stand, dates, message),
        effective_at=effective_at(message),
        supplier=our_supplier(parts),
        sender=message.header.sender[:35] or None,
        currency=_currency(parts),
        remarks=remarks(parts.heading),
    )


def _stand(parts: Sections) -> Stand:
    """The combined meaning of the BGM's two codes; where they differ, only a line's own code answers it."""
    bgm = parts.beginning
    function, response = bgm.value(2), bgm.value(3)
    if function not in _SAYS_NOTHING and function not in _FUNCTIONS:
        raise unreadable("unknown_code", bgm, f"message function {function!r} (1225) is not in our table", _ASK_CODES)
    if response and response not in _RESPONSES:
        raise unreadable("unknown_code", bgm, f"response type {response!r} (4343) is not in our table", _ASK_CODES)
    statement = [stand for stand in (_FUNCTIONS.get(function), _RESPONSES.get(response)) if stand]
    if {stand.unnamed for stand in statement} >= {"accepted", "rejected"}:
        raise unreadable("contradiction", bgm, f"{function} (1225) and {response} (4343) contradict", _ASK_WHICH)
    stand = statement[0] if statement and statement[0] == statement[-1] else _BY_LINE
    if stand.needs_lines and not parts.lines:
        code = "missing_segment" if statement else "no_action_code"
        raise unreadable(code, bgm, "the heading alone neither accepts nor rejects, and there is no line", _ASK_CODES)
    return stand


def _with_heading_date(stand: Stand, parts: Sections) -> Stand:
    """A delivery date in the heading is not "as ordered": it applies to the named lines; the others stay unanswered."""
    if stand.unnamed != "accepted":
        return stand
    if not parts.lines:
        statement = "accepts the order as it is, but the heading has a delivery date and no line is named"
        raise unreadable("contradiction", parts.beginning, statement, _ASK_WHICH)
    return Stand("per_line", stand.uncoded, needs_lines=True)


def _order(parts: Sections) -> OrderReference:
    heading = heading_order(parts)
    named = [line_reference(group, heading) for group in parts.lines]
    orders = {reference.order for reference in named}
    revisions = {reference.revision for reference in [*named, *([heading] if heading else [])]} - {None}
    if len(orders) > 1 or len(revisions) > 1:
        statement = "the lines name several orders or revisions; an ORDRSP answers one"
        raise unreadable("contradiction", parts.beginning, statement, "Ask the supplier for one ORDRSP an order.")
    reference = heading or next(iter(named), None)
    if reference is None:
        statement = "no RFF+ON says which order is answered"
        raise unreadable("unknown_order", parts.beginning, statement, "Ask the supplier to name our order in RFF+ON.")
    return OrderReference(reference.order, None, next(iter(revisions), None))


def _lines(parts: Sections, stand: Stand, dates: Dates, message: Message) -> tuple[LineAnswer, ...]:
    heading = heading_order(parts)
    by_line: dict[int, list[_Statement]] = {}
    for group in parts.lines:
        reference = line_reference(group, heading)
        terms = line_terms(group, dates, message.header)
        item = None if substitutes(group) else our_item(group)
        statement = _Statement(group, _outcome(group, stand, parts.beginning), terms, reference, item)
        by_line.setdefault(reference.line or 0, []).append(statement)
    answers = (
        _line_answer(line, same_item, message)
        for line, statement in by_line.items()
        for same_item in _by_item(statement)
    )
    return tuple(answer for answer in answers if answer is not None)


def _by_item(statement: list[_Statement]) -> list[list[_Statement]]:
    """The LINs of one number, apart where they name several of our items: the number is then the supplier's own."""
    items = dict.fromkeys(each.item for each in statement if each.item)
    if len(items) < 2 or any(each.item is None for each in statement):
        return [statement]
    return [[each for each in statement if each.item == item] for item in items]


def _line_answer(line: int, statement: list[_Statement], message: Message) -> LineAnswer | None:
    """The answer to an order line; None where the line is not affected."""
    lin = statement[0].group.lin
    _require_one_item(statement)
    if all(each.outcome is None for each in statement):
        _require_as_ordered(statement)
        return None
    if any(each.outcome is None for each in statement):
        raise unreadable("contradiction", lin, f"one LIN of line {line} says 'no action'", _ASK_WHICH)
    schedule_lines = tuple(part for each in statement for part in _schedule_lines(each))
    if {part.outcome for part in schedule_lines} == {AnswerOutcome.ACCEPTED}:
        _require_as_ordered(statement)
    price = stated_price([each.group for each in statement], message.header)
    said = dict.fromkeys(text for each in statement for text in remarks(each.group.segments))
    return LineAnswer(
        line=line,
        by_reference=any(each.reference.by_reference for each in statement),
        item=next((each.item for each in statement if each.item), None),
        schedule_lines=schedule_lines,
        price=price.amount,
        price_unit=price.basis,
        price_measure=price.measure,
        remarks=tuple(said)[:REMARKS_MAX],
    )


def _outcome(group: LineGroup, stand: Stand, beginning: Segment) -> AnswerOutcome | None:
    code = group.lin.value(1)
    if code in _NO_ACTION:
        return None
    outcome = _ACTIONS.get(code) if code else stand.uncoded
    if outcome is None and not code:
        statement = f"the line has no action code (1229), and the heading {beginning} gives none that holds for it"
        raise unreadable("no_action_code", group.lin, statement, _ASK_CODES)
    if outcome is None:
        raise unreadable("unknown_code", group.lin, f"action {code!r} (1229) is not in our table", _ASK_CODES)
    if stand.unnamed == "rejected" and outcome not in _NOTHING_COMES:
        statement = f"the line is {outcome}, but the heading {beginning} rejects the order"
        raise unreadable("contradiction", group.lin, statement, _ASK_WHICH)
    if not substitutes(group):
        return outcome
    if outcome is AnswerOutcome.ACCEPTED:
        raise unreadable("contradiction", group.lin, "accepted as it is, but with a substituted item", _ASK_WHICH)
    return AnswerOutcome.SUBSTITUTED if outcome is AnswerOutcome.CHANGED else outcome


def _schedule_lines(statement: _Statement) -> list[AnswerScheduleLine]:
    lin, outcome, terms = statement.group.lin, statement.outcome, statement.terms
    if outcome is None:
        return []
    if outcome in _NOTHING_COMES:
        if terms.answered > 0:
            raise unreadable("contradiction", lin, f"the line is {outcome}, but a quantity is to come", _ASK_WHICH)
        return [AnswerScheduleLine(outcome=outcome, quantity=terms.ordered, unit=terms.ordered_unit)]
    if terms.unplaced_date is not None:
        raise unplaced(terms.unplaced_date)
    if outcome is AnswerOutcome.ACCEPTED and terms.later_than_requested:
        raise unreadable("contradiction", lin, "accepted as it is, but promised later than requested", _ASK_WHICH)
    if not terms.parts:
        if outcome in (AnswerOutcome.CHANGED, AnswerOutcome.SUBSTITUTED) and not terms.says_what(statement.group):
            raise unreadable("missing_segment", lin, "the line is changed, but it does not say what", _ASK_WHICH)
        parts = [
            AnswerScheduleLine(
                outcome=outcome,
                quantity=terms.ordered,
                unit=terms.ordered_unit,
                date=terms.date,
                at=terms.dates.promised_at,
            )
        ]
    else:
        parts = [_schedule_line(part, outcome) for part in terms.parts]
    if outcome is AnswerOutcome.ACCEPTED and any(part.outcome is not outcome for part in parts):
        raise unreadable("contradiction", lin, "accepted as it is, but part is backordered or cancelled", _ASK_WHICH)
    if outcome is not AnswerOutcome.ACCEPTED and terms.only_despatch_date:
        said_what = "it gives a despatch date (DTM+10 or 11), not when the goods arrive"
        raise unreadable("missing_segment", lin, said_what, "Ask the supplier for the delivery date (DTM+67 or 69).")
    return parts


def _schedule_line(part: AnsweredQuantity, outcome: AnswerOutcome) -> AnswerScheduleLine:
    fates = {"backordered": AnswerOutcome.BACKORDERED, "cancelled": AnswerOutcome.REJECTED}
    return AnswerScheduleLine(
        outcome=fates.get(part.fate, outcome),
        quantity=part.quantity,
        unit=part.unit,
        date=None if part.fate == "cancelled" else part.date,
        at=None if part.fate == "cancelled" else part.at,
    )


def _require_as_ordered(statement: list[_Statement]) -> None:
    """Where the ordered quantity is repeated, the accepted quantity must equal it."""
    ordered = [each.terms.ordered for each in statement if each.terms.ordered is not None]
    parts = [part for each in statement for part in each.terms.parts]
    if not ordered or not parts:
        return
    come = sum((part.quantity for part in parts if part.fate == "coming"), Decimal(0))
    repeated = ordered[0] if len(set(ordered)) == 1 else None
    units = {each.terms.ordered_unit for each in statement} | {part.unit for part in parts} - {None}
    if come not in (sum(ordered, Decimal(0)), repeated) or len(units - {None}) > 1:
        whole = "+".join(str(quantity) for quantity in ordered)
        raise unreadable(
            "contradiction", statement[0].group.lin, f"accepted as it is, but {come} of {whole} are to come", _ASK_WHICH
        )


def _require_one_item(statement: list[_Statement]) -> None:
    """Several LINs for one order line must not name different items."""
    seen: dict[str, str] = {}
    for each in statement:
        item, kind = each.group.lin.value(2), each.group.lin.value(2, 1)
        if item and seen.setdefault(kind, item) != item and each.outcome is not AnswerOutcome.SUBSTITUTED:
            reported = f"another LIN of the same order line is about item {seen[kind]}"
            raise unreadable(
                "contradiction", each.group.lin, reported, "Ask the supplier for the numbers of our lines."
            )


def our_supplier(parts: Sections) -> str | None:
    """Our number of the supplier: NAD+SU assigned by the buyer (3055 = 92)."""
    for segment in parts.heading:
        if segment.tag == "NAD" and segment.value(0) == "SU" and segment.value(1, 2) == "92":
            return segment.value(1)[:60] or None
    return None


def _currency(parts: Sections) -> str | None:
    """The one currency of the prices (CUX of heading and net prices)."""
    heading = [segment for segment in parts.heading if segment.tag == "CUX" and segment.value(0) == "2"]
    prices = [group for line in parts.lines for group in line.group.within("PRI") if is_net_price(group.segments[0])]
    stated = [segment for segment in (*heading, *(cux for group in prices for cux in group.own("CUX")))]
    currencies = dict.fromkeys(segment.value(0, 1) for segment in stated if segment.value(0, 1))
    if len(currencies) > 1:
        raise unreadable("contradiction", stated[-1], f"prices in {' and '.join(currencies)}", _ASK_WHICH)
    return next(iter(currencies), None)
