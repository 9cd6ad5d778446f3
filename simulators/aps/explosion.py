"""The planning run: from build orders down the bill of materials to what must be bought.

Decided here: low-level codes, netting of stock at each level (earliest demand first), offset by days to manufacture in
working days (Monday to Friday), buckets that begin on given weekdays, pegging down to the build order. No scrap, no lot
sizes, no safety stock: what to order of it is not this system's business.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal


@dataclass(frozen=True)
class Item:
    """An item as planned."""

    item: str
    unit: str
    make: bool
    days: int
    """Working days to make one lot."""
    planner: str | None = None
    bought_at: frozenset[str] = frozenset()
    """Plants that buy it although it can be made: they have somebody make it."""
    individual_at: frozenset[str] = frozenset()
    """Plants that plan it for each finished good of its own (individual requirements), not for all together."""


@dataclass(frozen=True)
class Model:
    """Master data and opening stock of the plants."""

    items: Mapping[str, Item]
    components: Mapping[str, Sequence[tuple[str, Decimal]]]
    stock: Mapping[tuple[str, str], Decimal]
    plants: tuple[str, ...]
    days_off: Mapping[str, Collection[date]] = field(default_factory=dict)
    """By plant, beside weekends. Explosion plans on such days; nobody works on them."""


@dataclass(frozen=True)
class Build:
    """A build order: so many of a finished good complete at the plant on a day."""

    build: str
    plant: str
    item: str
    quantity: Decimal
    date: date
    criticality: str = "B"


@dataclass(frozen=True)
class Peg:
    """The part of a requirement that one build order causes."""

    demand: str
    quantity: Decimal
    date: date
    criticality: str
    assembly: str = ""
    """What is made of it for the build order; empty: the finished good itself."""


@dataclass(frozen=True)
class Requirement:
    """What a plant must buy of an item for one bucket."""

    reference: str
    plant: str
    item: str
    quantity: Decimal
    unit: str
    required_date: date
    pegs: tuple[Peg, ...] = field(default=())
    planner: str | None = None


def working_days_before(day: date, days: int, off: Collection[date] = ()) -> date:
    """Return the day `days` working days before `day`; a weekend, or a day off, counts as the last one before it."""
    return _count(day, days, off, timedelta(days=-1))


def working_days_after(day: date, days: int, off: Collection[date] = ()) -> date:
    """Return the day `days` working days after `day`; a weekend, or a day off, counts as the first one after it."""
    return _count(day, days, off, timedelta(days=1))


def _count(day: date, days: int, off: Collection[date], step: timedelta) -> date:
    while day.weekday() > 4 or day in off:
        day += step
    while days > 0:
        day += step
        if day.weekday() < 5 and day not in off:
            days -= 1
    return day


def bucket_start(day: date, weekdays: Iterable[int]) -> date:
    """Return the first day of the bucket that `day` falls into; buckets begin on these weekdays (Monday is 0)."""
    starts = set(weekdays)
    while day.weekday() not in starts:
        day -= timedelta(days=1)
    return day


def top_down(components: Mapping[str, Sequence[tuple[str, Decimal]]], roots: Iterable[str]) -> list[str]:
    """Return all items below the roots, each after every assembly that uses it; ValueError names a loop."""
    ordered: list[str] = []
    state: dict[str, bool] = {}

    def visit(item: str, path: tuple[str, ...]) -> None:
        if state.get(item):
            return
        if item in state:
            raise ValueError("the bill of materials has a loop: " + " > ".join((*path, item)))
        state[item] = False
        for component, _ in components.get(item, ()):
            visit(component, (*path, item))
        state[item] = True
        ordered.append(item)

    for root in roots:
        visit(root, ())
    ordered.reverse()
    return ordered


def explode(
    model: Model, builds: Iterable[Build], today: date, bucket_weekdays: Sequence[int] = (0,)
) -> list[Requirement]:
    """Return what must be bought for the builds, by plant, item and bucket.

    A date that has passed is planned for the first working day from today on, as an overdue need. ValueError names an
    item or plant that the model does not know.
    """
    requirements: list[Requirement] = []
    per_plant: dict[str, list[Build]] = defaultdict(list)
    for build in builds:
        if build.plant not in model.plants:
            raise ValueError(f"build {build.build}: plant {build.plant} is not in the model")
        per_plant[build.plant].append(build)
    for plant in sorted(per_plant):
        requirements += _explode_plant(model, plant, per_plant[plant], today, bucket_weekdays)
    return requirements


def _explode_plant(
    model: Model, plant: str, builds: Sequence[Build], today: date, bucket_weekdays: Sequence[int]
) -> list[Requirement]:
    demand: dict[str, list[Peg]] = defaultdict(list)
    finished = {build.build: build.item for build in builds}
    for build in builds:
        demand[build.item].append(Peg(build.build, build.quantity, build.date, build.criticality))
    bought: list[Requirement] = []
    for name in top_down(model.components, sorted(demand)):
        item = model.items.get(name)
        if item is None:
            raise ValueError(f"item {name} is in a bill of materials but not in the model")
        net = _net(demand[name], model.stock.get((plant, name), Decimal(0)))
        if not item.make or plant in item.bought_at:
            for finished_good, pegs in _apart(plant, item, net, finished).items():
                bought += _buckets(plant, item, pegs, today, bucket_weekdays, finished_good)
            continue
        for component, per_assembly in model.components.get(name, ()):
            demand[component] += [
                Peg(
                    peg.demand,
                    peg.quantity * per_assembly,
                    working_days_before(peg.date, item.days),
                    peg.criticality,
                    name,
                )
                for peg in net
            ]
    return sorted(bought, key=lambda requirement: requirement.reference)


def _net(pegs: Iterable[Peg], stock: Decimal) -> list[Peg]:
    """Take the stock off the demand, the earliest first; one peg a demand, day and assembly is left."""
    merged: dict[tuple[date, str, str], Peg] = {}
    for peg in pegs:
        key = (peg.date, peg.demand, peg.assembly)
        same = merged.get(key)
        merged[key] = replace(peg, quantity=peg.quantity + (same.quantity if same else 0))
    left: list[Peg] = []
    for _, peg in sorted(merged.items()):
        taken = min(stock, peg.quantity)
        stock -= taken
        if peg.quantity > taken:
            left.append(replace(peg, quantity=peg.quantity - taken))
    return left


def _apart(plant: str, item: Item, pegs: Sequence[Peg], finished: Mapping[str, str]) -> dict[str, list[Peg]]:
    """The pegs by what is planned of its own: a finished good, or all together under an empty name."""
    apart: dict[str, list[Peg]] = defaultdict(list)
    for peg in pegs:
        apart[finished[peg.demand] if plant in item.individual_at else ""].append(peg)
    return apart


def _buckets(
    plant: str, item: Item, pegs: Iterable[Peg], today: date, bucket_weekdays: Sequence[int], finished_good: str
) -> list[Requirement]:
    first = working_days_after(today, 0)
    by_bucket: dict[date, list[Peg]] = defaultdict(list)
    for peg in pegs:
        day = max(peg.date, first)
        by_bucket[bucket_start(day, bucket_weekdays)].append(replace(peg, date=day))
    return [
        Requirement(
            reference=f"{plant}.{item.item}.{start:%y%m%d}" + (f".{finished_good}" if finished_good else ""),
            plant=plant,
            item=item.item,
            quantity=sum((peg.quantity for peg in inside), Decimal(0)),
            unit=item.unit,
            required_date=min(peg.date for peg in inside),
            pegs=tuple(inside),
            planner=item.planner,
        )
        for start, inside in sorted(by_bucket.items())
    ]
