"""Notifications as mails, in business words. A mail only leads to the page: links are visited by machines, too."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from html import escape
from typing import NamedTuple

from adapters.ports import Mail
from canonical.exception import ExceptionKind
from canonical.notification import (
    CoverageChangedNotice,
    Digest,
    ExceptionClosed,
    ExceptionEscalated,
    MailSubscription,
    Notice,
    OrderSent,
    QuestionNotice,
)
from canonical.supply import ScheduleLine
from gateway.notifications.envelope import page_of
from ledger.notifications.deliveries import DueDelivery

Fact = tuple[str, str]

_FOOT = "You get this mail because Pegline's administrator has entered your address under “{}”. Answers are not read."


class Letter(NamedTuple):
    """A mail's content before it is laid out."""

    subject: str
    facts: Sequence[Fact]
    link: str
    link_text: str
    rows: Sequence[tuple[str, str, str]] = ()
    """Of a digest: latest safe date, the question, its address."""


def mail_of(delivery: DueDelivery, notice: Notice, subscription: MailSubscription, public_url: str) -> Mail:
    """The mail for a notification."""
    letter = _letter(notice, subscription, public_url)
    foot = _FOOT.format(subscription.name)
    return Mail(
        to=subscription.to,
        subject=letter.subject,
        text=_as_text(letter, foot),
        html=_as_html(letter, foot),
        message_id=f"{delivery.event_id}.{subscription.name}",
        list_name=subscription.name,
    )


def _letter(notice: Notice, subscription: MailSubscription, public_url: str) -> Letter:
    match notice:
        case Digest():
            return _digest(notice, subscription, public_url)
        case QuestionNotice():
            return Letter(
                f"{_what_happened(notice)}: {in_words(notice)}",
                _facts_of_question(notice),
                notice.link or "",
                "Open the question",
            )
        case CoverageChangedNotice():
            return Letter(
                f"Supply changed: {notice.item} at {notice.plant}, {notice.demand_reference}",
                [
                    ("Needed", f"{_figure(notice.needed)} {notice.unit} by {notice.required_date}"),
                    ("Now", notice.stage.replace("_", " ")),
                    ("Coming", _schedule(notice.coverage, notice.unit)),
                ],
                notice.link or "",
                "Open the requirement",
            )
        case OrderSent():
            return _order(notice)
        case _:
            return Letter("Pegline", [("Plant", notice.plant)], notice.link or "", "Open")


def _what_happened(notice: QuestionNotice) -> str:
    match notice:
        case ExceptionEscalated(step="reminded"):
            return "Still to decide"
        case ExceptionEscalated():
            return f"Escalated to {notice.assignee}"
        case ExceptionClosed(outcome="decided"):
            return f"Decided ({notice.choice.value.replace('_', ' ')})" if notice.choice else "Decided"
        case ExceptionClosed():
            return "No longer to decide"
        case _:
            return "To decide"


def in_words(notice: QuestionNotice) -> str:
    """What a question is about, in a line without prices."""
    item, order = notice.item or "several items", f"order {notice.order_number}" if notice.order_number else "an order"
    supplier = notice.supplier or "the supplier"
    match notice.kind:
        case ExceptionKind.SHORTAGE:
            short = f"{_figure(notice.short_quantity)} {notice.unit} of " if notice.short_quantity else ""
            what = f"{short}{item} short"
        case ExceptionKind.CHANGE_PROPOSAL if notice.short_quantity:
            what = f"proposal for {_figure(notice.short_quantity)} {notice.unit} of {item} that are short"
        case ExceptionKind.CHANGE_PROPOSAL:
            what = f"change of {order} at {supplier}"
        case ExceptionKind.MASTER_DATA:
            what = f"master data of {notice.item or order} to be fixed"
        case ExceptionKind.NO_ANSWER:
            what = f"no clear answer from {supplier} on {order}"
        case ExceptionKind.EARLY_WARNING:
            what = f"{supplier} is likely to deliver {order} too late"
        case ExceptionKind.OVERDUE:
            what = f"{supplier} has not delivered {order} as promised"
        case ExceptionKind.AMBIGUOUS_MATCH:
            what = f"two demands for {item} look alike"
        case ExceptionKind.ENGINEERING_CHANGE:
            what = f"engineering change of {item}"
    return f"{what} at {notice.plant}"


def _facts_of_question(notice: QuestionNotice) -> list[Fact]:
    deputy = f" (for {notice.on_behalf_of}, out of office)" if notice.on_behalf_of else ""
    late = f", {notice.working_days_late} working days late" if notice.working_days_late else ""
    given = [
        ("Asked", f"{notice.assignee}{deputy}"),
        ("Decide by", _day(notice.latest_safe_date)),
        ("Item", notice.item),
        ("Supplier", notice.supplier),
        ("Order", notice.order_number),
        ("Available", f"{_day(notice.available_on)}{late}" if notice.available_on else None),
        ("Class of the demand", notice.criticality.value),
        ("Value", f"{_figure(notice.value)} {notice.currency}" if notice.value else None),
        ("In full", notice.summary),
    ]
    return [(label, value) for label, value in given if value]


def _order(notice: OrderSent) -> Letter:
    kind = f"Change {notice.revision} of order" if notice.revision > 1 else "Order"
    shown = [line for line in notice.lines if not notice.changed_lines or line.line in notice.changed_lines][:20]
    return Letter(
        f"{kind} {notice.order_number or ''} sent to {notice.supplier_name or notice.supplier}",
        [
            ("Plant", notice.plant),
            *(
                (
                    f"Line {line.line}",
                    f"{line.item}: cancelled"
                    if line.cancelled
                    else f"{line.item}: {_figure(line.quantity)} {line.unit} for {line.delivery_date}"
                    + (f", {line.price} {notice.currency}" if line.price else ""),
                )
                for line in shown
            ),
        ],
        notice.link or "",
        "Open the order",
    )


def _digest(notice: Digest, subscription: MailSubscription, public_url: str) -> Letter:
    whom = " and ".join(subscription.roles) or "somebody"
    questions = "1 question waits" if notice.waiting == 1 else f"{notice.waiting} questions wait"
    more = notice.waiting - len(notice.questions)
    rows = [
        (_day(each.latest_safe_date), in_words(each), page_of(each.exception, public_url)) for each in notice.questions
    ]
    return Letter(
        f"{questions} for {whom} at {notice.plant} ({notice.day})",
        [("Not listed here", f"{more} more")] if more else [],
        f"{public_url.rstrip('/')}/inbox?plant={notice.plant}" if public_url else "",
        "Open the inbox",
        rows,
    )


def _as_text(letter: Letter, foot: str) -> str:
    lines = [letter.subject, ""]
    lines += [f"decide by {by}: {what}" + (f"\n  {address}" if address else "") for by, what, address in letter.rows]
    lines += [f"{label}: {value}" for label, value in letter.facts]
    lines += ["", f"{letter.link_text}: {letter.link}"] if letter.link else []
    return "\n".join([*lines, "", "-- ", foot, ""])


def _as_html(letter: Letter, foot: str) -> str:
    rows = "".join(
        f"<tr><td>{escape(by)}</td><td>{_linked(what, address)}</td></tr>" for by, what, address in letter.rows
    )
    table = f"<table><tr><th>Decide by</th><th>Question</th></tr>{rows}</table>" if rows else ""
    facts = "".join(f"<p><b>{escape(label)}:</b> {escape(value)}</p>" for label, value in letter.facts)
    link = f"<p>{_linked(letter.link_text, letter.link)}</p>" if letter.link else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(letter.subject)}</title></head>'
        f"<body><h1>{escape(letter.subject)}</h1>{table}{facts}{link}<hr><p><small>{escape(foot)}</small></p></body></html>"
    )


def _linked(text: str, address: str) -> str:
    return f'<a href="{escape(address)}">{escape(text)}</a>' if address else escape(text)


def _schedule(lines: Sequence[ScheduleLine], unit: str) -> str:
    return (
        "; ".join(f"{_figure(line.quantity)} {unit} {line.state} {_day(line.date)}" for line in lines) or "as ordered"
    )


def _figure(value: Decimal | None) -> str:
    return "" if value is None else f"{value.normalize():f}"


def _day(value: dt.date | None) -> str:
    return "no date" if value is None else value.isoformat()
