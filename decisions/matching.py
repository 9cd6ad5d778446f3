"""R1, matching: which need of a new plan is which need of the last one, where their references changed.

Decided here: for each need of either plan, exactly one of update, create, withdraw, or a question to a person. Not
here: the key of a need with a stable reference (canonical.identity) and whether the change is worth acting on (R4). How
the candidates are found: nearest_needs.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import NamedTuple, assert_never

from canonical.calendar import Calendar
from canonical.need import Need
from canonical.reason import Reason, figure
from decisions.nearest_needs import Alike, Candidates, Distance


class NeedUpdate(NamedTuple):
    """The need continues an existing requirement."""

    old: Need
    new: Need
    why: str


class NeedCreate(NamedTuple):
    """The need is a requirement of its own."""

    new: Need
    why: str


class NeedWithdrawal(NamedTuple):
    """The new plan has no counterpart of the need."""

    old: Need
    why: str


class AmbiguousNeeds(NamedTuple):
    """Needs that match in more than one way: a person decides which is which; until then all stay."""

    old: tuple[Need, ...]
    new: tuple[Need, ...]
    why: str


class NeedMatching(NamedTuple):
    """The outcome for each need of both plans, in an order that does not depend on the input's."""

    updates: tuple[NeedUpdate, ...]
    creates: tuple[NeedCreate, ...]
    withdrawals: tuple[NeedWithdrawal, ...]
    ambiguous: tuple[AmbiguousNeeds, ...]
    window_days: int
    rule: str = "R1"

    def reason(self, outcome: NeedUpdate | NeedCreate | NeedWithdrawal | AmbiguousNeeds, version: str) -> Reason:
        """The reason for one of its outcomes, for trace and audit, under this version of the policy."""
        old, new = _sides(outcome)
        return Reason(
            rule=self.rule,
            why=outcome.why,
            inputs={"old": [_reported(need) for need in old], "new": [_reported(need) for need in new]},
            thresholds={"matching_days": self.window_days},
            policy_version=version,
        )


def match_needs(old: Sequence[Need], new: Sequence[Need], calendar: Calendar, window_days: int) -> NeedMatching:
    """R1: one to one; the same reference first, then within plant, item, segment and item revision the nearest date.

    `old`: the needs that are open; `new`: the whole of the plan that replaces them. The nearest date is at most
    `window_days` of the calendar's (the plant's) working days away; among equal dates the nearest quantity wins, then
    the other fields of a need, its pegged demand above all. Needs that are equal in all of these are tied, and so is a
    need whose match would be a tied one; it is no tie where every choice has the same result. Needs of different
    planning systems never match. Raises ValueError where a plan has a reference twice.
    """
    olds, news = _by_key(old), _by_key(new)
    updates = [NeedUpdate(olds[same], news[same], "the plan kept its reference") for same in olds.keys() & news.keys()]
    groups: dict[tuple[str, ...], tuple[list[Need], list[Need]]] = {}
    for side, (mine, other) in enumerate(((olds, news), (news, olds))):
        for need in (need for key, need in mine.items() if key not in other):
            groups.setdefault(_group(need), ([], []))[side].append(need)
    creates: list[NeedCreate] = []
    withdrawals: list[NeedWithdrawal] = []
    ambiguous: list[AmbiguousNeeds] = []
    for before, after in groups.values():
        matching = _Matching(before, after, calendar, window_days)
        updates += matching.updates
        ambiguous += matching.ambiguous()
        nothing = f"within {window_days} working days"
        creates += [NeedCreate(need, f"the last plan had no such need {nothing}") for need in matching.left_over(1)]
        withdrawals += [NeedWithdrawal(need, f"the plan has no such need {nothing}") for need in matching.left_over(0)]
    return NeedMatching(
        tuple(sorted(updates, key=lambda update: _order(update.old))),
        tuple(sorted(creates, key=lambda create: _order(create.new))),
        tuple(sorted(withdrawals, key=lambda withdrawal: _order(withdrawal.old))),
        tuple(sorted(ambiguous, key=lambda tie: _order(tie.old[0]))),
        window_days,
    )


def _sides(
    outcome: NeedUpdate | NeedCreate | NeedWithdrawal | AmbiguousNeeds,
) -> tuple[tuple[Need, ...], tuple[Need, ...]]:
    match outcome:
        case NeedUpdate(old, new, _):
            return (old,), (new,)
        case NeedCreate(new, _):
            return (), (new,)
        case NeedWithdrawal(old, _):
            return (old,), ()
        case AmbiguousNeeds(olds, news, _):
            return olds, news
        case _:
            assert_never(outcome)


_Key = tuple[str, str, str, str]


def _by_key(needs: Iterable[Need]) -> dict[_Key, Need]:
    found: dict[_Key, Need] = {}
    for need in needs:
        key = (need.plant, need.item, need.source, need.demand_reference)
        if key in found:
            raise ValueError(f"a plan has {need.id} twice; take the newer one (R10) before matching")
        found[key] = need
    return found


def _group(need: Need) -> tuple[str, ...]:
    """The fields that two needs must share to match at all; the segment is the sourcing rule."""
    return (need.plant, need.item, need.source, need.sourcing_rule or "", need.item_revision)


def _order(need: Need) -> tuple[str, str, date, str, str]:
    return (need.plant, need.item, need.required_date, need.source, need.demand_reference)


def _reported(need: Need) -> dict[str, str]:
    return {
        "reference": need.demand_reference,
        "quantity": figure(need.quantity),
        "unit": need.unit,
        "required_date": need.required_date.isoformat(),
    }


_Together = tuple[set[Alike], set[Alike]]


class _Tie:
    """Needs that can only be decided together."""

    def __init__(self) -> None:
        self.members: tuple[list[Alike], list[Alike]] = ([], [])


class _Matching:
    """The needs of one group, matched from the nearest pair to the farthest."""

    def __init__(self, old: list[Need], new: list[Need], calendar: Calendar, window_days: int) -> None:
        self.updates: list[NeedUpdate] = []
        self._sides = Candidates.of_both(old, new, calendar, window_days)
        self._ties: dict[Alike, _Tie] = {}
        self._used_up: list[_Tie] = []
        self._upcoming: list[tuple[Distance, int, Alike]] = []
        self._numbers = {alike: number for number, alike in enumerate(self._everyone())}
        for alike in self._everyone():
            self._await(alike)
        self._run()

    def left_over(self, side: int) -> Iterator[Need]:
        """The needs of a side that match no other need."""
        for alike in self._sides[side].present():
            if alike not in self._ties:
                yield from alike.needs

    def ambiguous(self) -> Iterator[AmbiguousNeeds]:
        """The ties that a person is to decide."""
        for tie in [*self._used_up, *dict.fromkeys(self._ties.values())]:
            old, new = (
                tuple(sorted((need for alike in side for need in alike.needs), key=_order)) for side in tie.members
            )
            counts = f"{len(old)} of the last plan and {len(new)} of the new one"
            yield AmbiguousNeeds(
                old, new, f"{counts} match in more than one way: date, quantity and demand are too alike"
            )

    def _everyone(self) -> Iterator[Alike]:
        for side in self._sides:
            yield from side.present()

    def _await(self, alike: Alike) -> None:
        found = self._sides[1 - alike.side].nearest(alike)
        if found is not None:
            heapq.heappush(self._upcoming, (found[0], self._numbers[alike], alike))

    def _run(self) -> None:
        while self._upcoming:
            distance, _, alike = heapq.heappop(self._upcoming)
            if alike in self._ties or not self._sides[alike.side].has(alike):
                continue
            found = self._sides[1 - alike.side].nearest(alike)
            if found is not None and found[0] > distance:
                self._await(alike)  # its nearest was taken meanwhile
            elif found is not None:
                self._settle(self._all_at_once(alike), distance)

    def _all_at_once(self, first: Alike) -> _Together:
        """By side, all needs connected by nearest pairs; they are all at one distance, since it is the smallest."""
        together: _Together = (set(), set())
        together[first.side].add(first)
        frontier = [first]
        while frontier:
            alike = frontier.pop()
            found = self._sides[1 - alike.side].nearest(alike)
            for other in found[1] if found is not None else ():
                if other not in together[other.side]:
                    together[other.side].add(other)
                    frontier.append(other)
        return together

    def _settle(self, together: _Together, distance: Distance) -> None:
        olds, news = together
        tied = {self._ties[alike] for side in together for alike in side if alike in self._ties}
        offered, requested = (sum(len(alike.needs) for alike in side) for side in (news, olds))
        if tied or len(news) > 1 or offered < requested:
            self._tie(together, tied, distance, balanced=offered == requested)
            return
        (only,) = news
        continued = sorted((need for alike in olds for need in alike.needs), key=_order)
        for need in continued:
            self.updates.append(NeedUpdate(need, only.needs.pop(0), _why(need, only, distance)))
        for alike in olds:
            self._sides[0].remove(alike)
        if only.needs:
            self._await(only)
        else:
            self._sides[1].remove(only)

    def _tie(
        self,
        together: _Together,
        tied: set[_Tie],
        distance: Distance,
        *,
        balanced: bool,
    ) -> None:
        """Set the tied needs aside. They stay candidates, so that needs that might match them are undecided as well,
        except where any of them can match any other and none can be left over.
        """
        tie = _Tie()
        for joined in tied:
            for side in (0, 1):
                tie.members[side].extend(joined.members[side])
        for side in (0, 1):
            tie.members[side].extend(alike for alike in together[side] if alike not in self._ties)
        if not tied and balanced and self._each_could_be_each(together, distance):
            self._used_up.append(tie)
            for side in (0, 1):
                for alike in together[side]:
                    self._sides[side].remove(alike)
            return
        for alike in (*tie.members[0], *tie.members[1]):
            self._ties[alike] = tie

    def _each_could_be_each(self, together: _Together, distance: Distance) -> bool:
        return all(self._sides[1].distance(old, new) == distance for old in together[0] for new in together[1])


def _why(old: Need, new: Alike, distance: Distance) -> str:
    moved = f"{distance.working_days} working days away" if distance.another_day else "on its day"
    return f"the nearest need of the plan is {moved}: {figure(new.quantity)} on {new.date} for {figure(old.quantity)}"
