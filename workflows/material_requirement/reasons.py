"""The audit events of a decision on cover: all that it was made of but the policy, so that it can be made again under
another.

Not here: the decision (decisions.assess) and what is asked of orders (requirement_cover).
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from pydantic import JsonValue

from canonical.need import Need
from canonical.reason import Reason
from canonical.routing import as_kept
from canonical.sourcing import Assessment, Source
from decisions.assess import NotOrderable, SourcingDecision


class SourcingQuestion(NamedTuple):
    """What `decide_sourcing` was asked."""

    need: Need
    assessment: Assessment
    today: dt.date
    quantity: Decimal
    exclude: Sequence[str] = ()
    holding: Sequence[str] = ()


def sourcing_decided(
    asked: SourcingQuestion, decided: SourcingDecision, reasons: Sequence[Reason]
) -> dict[str, JsonValue]:
    """`sourcing.decided`: what was asked, what came out, and why."""
    return {
        **_asked(asked),
        "outcome": {
            "supplier": decided.source.supplier,
            "route": decided.route.value,
            "lots": [str(lot) for lot in decided.lots.lots],
            "unit": decided.source.unit,
            "dock_date": decided.schedule.dock_date.isoformat(),
            "send_by": decided.schedule.send_by.isoformat(),
            "expedite": decided.schedule.expedite,
        },
        "why": decided.choice.why,
        "reasons": [reason.model_dump(mode="json") for reason in reasons],
        "policy_version": decided.policy.version,
    }


def sourcing_refused(asked: SourcingQuestion, refused: NotOrderable) -> dict[str, JsonValue]:
    """`sourcing.refused`: what was asked, and what is wrong in master data; its reasons are the exception's."""
    return {
        **_asked(asked),
        "defects": [defect.field for defect in refused.defects],
        "why": refused.why,
        "policy_version": refused.policy.version,
    }


def _asked(asked: SourcingQuestion) -> dict[str, JsonValue]:
    """With the item as master data keeps it: which of it may be had, and by whose calendar, is the policy's."""
    known, item = asked.assessment, as_kept(asked.assessment)
    kept = item.model_copy(update={"sources": tuple(map(_without_idle_calendar, item.sources))})
    return {
        "need": asked.need.model_dump(mode="json", exclude_defaults=True),
        "item": kept.model_dump(mode="json", exclude_defaults=True),
        "kept_at": dict(known.kept_at),
        "allocated": _in_figures(known.allocated) if known.policy.quotas else None,
        "today": asked.today.isoformat(),
        "quantity": str(asked.quantity),
        "exclude": list(asked.exclude),
        "holding": list(asked.holding),
    }


def _in_figures(allocated: Mapping[str, Decimal]) -> dict[str, JsonValue]:
    return {supplier: str(given) for supplier, given in sorted(allocated.items())}


def _without_idle_calendar(source: Source) -> Source:
    """No rule counts in the calendar of a source whose lead time is in calendar days: its holidays needn't be kept."""
    if source.lead_time_in == "working_days":
        return source
    return source.model_copy(update={"calendar": source.calendar.model_copy(update={"holidays": ()})})
