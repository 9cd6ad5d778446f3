"""Plan versions: what one publication says, as events, and how the next version differs.

Decided here: the event of each requirement (CloudEvents 1.0, ids stable per plan version and requirement) and, for a
revision, which lines change, go and come: by a digest of seed and reference, so that the same seed makes the same plan.
Changes are large (two fifths of the quantity, three of the plant's working days earlier or eight later), so that nobody
may call them noise; those that change slightly, by a single unit, nobody should act on.

Not decided here: how the events travel.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import ROUND_CEILING, Decimal
from itertools import cycle
from types import MappingProxyType
from typing import Any

from simulators.aps.explosion import Peg, Requirement, working_days_after, working_days_before

PLANNED = "pegline.requirement.planned.v1"
WITHDRAWN = "pegline.requirement.withdrawn.v1"

QUANTITY_SHARE, QUANTITY_LEAST = Decimal("0.4"), Decimal(25)
EARLIER_DAYS, LATER_DAYS = 3, 8
SLIGHT_QUANTITY = Decimal(1)
SLIGHT_OF_AT_LEAST = Decimal(20)
SERVICE_SHARE, SERVICE_LATER_DAYS = Decimal("0.3"), 7


@dataclass(frozen=True)
class PlanVersion:
    """One version of the plan, whole: what is needed, and what no longer is."""

    version: int
    today: date
    effective_at: datetime
    requirements: Mapping[str, Requirement]
    gone: Mapping[str, Requirement]
    """Requirements of the version before that this one no longer has."""
    changed: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    slightly: tuple[str, ...] = ()
    """Changed by so little that nobody should act on it."""

    def view(self) -> dict[str, Any]:
        """Return the version as the books show it."""
        return {
            "version": self.version,
            "today": self.today.isoformat(),
            "effective_at": self.effective_at.isoformat(),
            "requirements": {key: requirement_data(value) for key, value in self.requirements.items()},
            "changed": list(self.changed),
            "gone": list(self.gone),
            "new": list(self.new),
            "slightly": list(self.slightly),
        }


def requirement_data(requirement: Requirement) -> dict[str, Any]:
    """Return a requirement in the words of `pegline.requirement.planned.v1`, without the version."""
    return {
        "plant": requirement.plant,
        "item": requirement.item,
        "quantity": _plain(requirement.quantity),
        "unit": requirement.unit,
        "required_date": requirement.required_date.isoformat(),
        "demand_reference": requirement.reference,
        "pegging": [
            {
                "demand": peg.demand,
                "quantity": _plain(peg.quantity),
                "date": peg.date.isoformat(),
                "criticality": peg.criticality,
                **({"assembly": peg.assembly} if peg.assembly else {}),
            }
            for peg in requirement.pegs
        ],
        **({"planner": requirement.planner} if requirement.planner else {}),
    }


def events(plan: PlanVersion, source: str, id_suffix: str = "") -> list[dict[str, Any]]:
    """Return the events of a plan version: every line, unchanged ones too, then what is gone."""
    planned = [
        _event(plan, source, id_suffix, PLANNED, reference, requirement_data(requirement))
        for reference, requirement in plan.requirements.items()
    ]
    withdrawn = [
        _event(
            plan,
            source,
            id_suffix,
            WITHDRAWN,
            reference,
            {"plant": requirement.plant, "item": requirement.item, "demand_reference": reference},
        )
        for reference, requirement in plan.gone.items()
    ]
    return planned + withdrawn


def run_files(plan: PlanVersion) -> dict[str, bytes]:
    """Return the plan of each plant as NDJSON, a need a line; what is gone is left out."""
    lines: dict[str, list[str]] = defaultdict(list)
    for requirement in plan.requirements.values():
        data = requirement_data(requirement)
        lines[data.pop("plant")].append(json.dumps(data))
    return {plant: "\n".join([*rows, ""]).encode() for plant, rows in lines.items()}


def revise(
    plan: PlanVersion,
    *,
    seed: str,
    share_changed: Decimal,
    share_gone: Decimal,
    share_new: Decimal,
    share_slightly: Decimal = Decimal(0),
    gone: Collection[str] = (),
    kept: Collection[str] = (),
    effective_at: datetime,
    today: date,
    days_off: Mapping[str, Collection[date]] = MappingProxyType({}),
) -> PlanVersion:
    """Return the next version: shares are of the present lines, rounded to whole lines.

    The lines that `gone` names go besides those that are drawn; those that `kept` names are not drawn. `days_off` by
    plant, beside weekends: they don't count in how far a line moves.
    """
    if unknown := sorted({*gone, *kept} - set(plan.requirements)):
        raise ValueError(f"version {plan.version} has no line {', '.join(unknown)}")
    drawn = sorted(
        set(plan.requirements) - {*gone, *kept},
        key=lambda reference: _digest(seed, reference),
    )
    counts = [round(len(plan.requirements) * share) for share in (share_changed, share_gone, share_new, share_slightly)]
    if sum(counts) > len(drawn):
        raise ValueError(f"the shares add up to {sum(counts)} of {len(drawn)} lines")
    changed, drawn_gone, models = (drawn[sum(counts[:position]) : sum(counts[: position + 1])] for position in range(3))
    rest = drawn[sum(counts[:3]) :]
    slightly = [one for one in rest if plan.requirements[one].quantity >= SLIGHT_OF_AT_LEAST][: counts[3]]
    gone = [*drawn_gone, *gone]
    requirements = {key: value for key, value in plan.requirements.items() if key not in gone}
    for reference, kind in zip(changed, cycle(("more", "earlier", "less", "later")), strict=False):
        before = requirements[reference]
        requirements[reference] = _changed(before, kind, today, days_off.get(before.plant, ()))
    for reference in slightly:
        requirements[reference] = _with_more(requirements[reference], SLIGHT_QUANTITY)
    new = [_service(plan.requirements[model], number) for number, model in enumerate(models, start=1)]
    return PlanVersion(
        version=plan.version + 1,
        today=today,
        effective_at=effective_at,
        requirements={**requirements, **{requirement.reference: requirement for requirement in new}},
        gone={reference: plan.requirements[reference] for reference in gone},
        changed=tuple(changed),
        new=tuple(requirement.reference for requirement in new),
        slightly=tuple(slightly),
    )


def _event(
    plan: PlanVersion, source: str, id_suffix: str, kind: str, reference: str, data: dict[str, Any]
) -> dict[str, Any]:
    event_id = f"{reference}@{plan.version}{id_suffix}"
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": kind,
        "subject": reference,
        "time": plan.effective_at.isoformat(),
        "datacontenttype": "application/json",
        "correlationid": _digest(source, event_id)[:16],
        "data": {**data, "plan_version": plan.version, "source_revision": 0},
    }


def _changed(requirement: Requirement, kind: str, today: date, off: Collection[date]) -> Requirement:
    if kind == "earlier" and working_days_before(requirement.required_date, EARLIER_DAYS, off) <= today:
        kind = "later"
    if kind in ("earlier", "later"):
        return replace(
            requirement,
            required_date=_moved(requirement.required_date, kind, off),
            pegs=tuple(replace(peg, date=_moved(peg.date, kind, off)) for peg in requirement.pegs),
        )
    step = max((requirement.quantity * QUANTITY_SHARE).to_integral_value(ROUND_CEILING), QUANTITY_LEAST)
    if kind == "more" or requirement.quantity < 2 * step:
        return _with_more(requirement, step)
    pegs = _without(requirement.pegs, step)
    return replace(requirement, quantity=sum((peg.quantity for peg in pegs), Decimal(0)), pegs=pegs)


def _with_more(requirement: Requirement, quantity: Decimal) -> Requirement:
    *head, last = requirement.pegs
    pegs = (*head, replace(last, quantity=last.quantity + quantity))
    return replace(requirement, quantity=requirement.quantity + quantity, pegs=pegs)


def _moved(day: date, kind: str, off: Collection[date]) -> date:
    if kind == "earlier":
        return working_days_before(day, EARLIER_DAYS, off)
    return working_days_after(day, LATER_DAYS, off)


def _without(pegs: tuple[Peg, ...], quantity: Decimal) -> tuple[Peg, ...]:
    """Take the quantity off the pegs, the latest first."""
    left: list[Peg] = []
    for peg in reversed(pegs):
        taken = min(quantity, peg.quantity)
        quantity -= taken
        if peg.quantity > taken:
            left.append(replace(peg, quantity=peg.quantity - taken))
    return tuple(reversed(left))


def _service(model: Requirement, number: int) -> Requirement:
    """Return a service demand for the item of another requirement, some days after it."""
    quantity = max((model.quantity * SERVICE_SHARE).to_integral_value(ROUND_CEILING), QUANTITY_LEAST)
    day = working_days_after(model.required_date, SERVICE_LATER_DAYS)
    return replace(
        model,
        reference=f"{model.reference}.S",
        quantity=quantity,
        required_date=day,
        pegs=(Peg(f"SERVICE-{model.plant}-{number:02d}", quantity, day, "C"),),
    )


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def _plain(quantity: Decimal) -> str:
    return f"{quantity.normalize():f}"
