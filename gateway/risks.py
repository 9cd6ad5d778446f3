"""Rates open questions by the risk that their pegged dates are missed, so that lists can be ordered by it.

Decided here: when a question is rated again. One gateway of an installation does it at a time (a lease). Not here: the
chance of a promise (decisions.promises) and of a demand (decisions.risk).
"""

import asyncio
import datetime as dt
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence

from adapters.errors import PermanentError, TransientError
from adapters.ports import PolicyPort
from canonical.records import ExceptionSnapshot, RequirementSnapshot
from decisions.promises import Chance
from decisions.risk import Risk, ServingPart, risk_of_demand, riskiest
from gateway.promises import ChanceReader, PromiseBook
from gateway.views.coverage import Coverage, ServedDemand, SupplyPortion, coverage_of
from ledger.ledger import Ledger
from ledger.snapshots.lists import ServingLine
from ledger.work_list.ratings import QuestionToRate, Rating

logger = logging.getLogger(__name__)

LEASE = "risks"
LEASE_SECONDS = 30.0
POLL_SECONDS = 5.0
AGAIN_AFTER = dt.timedelta(minutes=15)
"""How old a rating may be; a question that has changed is rated at once."""
AT_ONCE = 100
ALSO_SECONDS = 1800.0


class CoveredRequirement:
    """A requirement, what covers it, and how likely that is missed."""

    def __init__(
        self,
        requirement: RequirementSnapshot,
        serving: Sequence[ServingLine],
        coverage: Coverage,
        chances: ChanceReader,
    ) -> None:
        self.requirement, self.coverage, self._chances = requirement, coverage, chances
        self._classes = {one.order_id: one.line.item_class for one in serving if one.line is not None}

    def risk(self, demands: Collection[str] = ()) -> Risk | None:
        """The riskiest of these demands; none named: of all."""
        asked = [one for one in self.coverage.demands if not demands or one.peg.demand in demands]
        return riskiest(risk for one in asked if (risk := self._of_demand(one)) is not None)

    def chance_of(self, portion: SupplyPortion) -> Chance | None:
        """How likely it misses the demand that it serves; None: nobody has promised it, or too little is learned."""
        order = portion.supply.source.order_id
        return self._chances.of(portion, self._classes.get(order, "") if order is not None else "")

    def _of_demand(self, demand: ServedDemand) -> Risk | None:
        parts = [ServingPart(one.margin, self.chance_of(one)) for one in demand.portions if not one.supply.received]
        return risk_of_demand(demand.peg.demand, demand.missing, parts)


class RiskWatch:
    """Keeps the risk of open questions; only one of the processes on a ledger works at a time."""

    def __init__(
        self, ledger: Ledger, promises: PromiseBook, policies: PolicyPort, today: Callable[[str], dt.date]
    ) -> None:
        self._ledger, self._promises, self._policies, self._today = ledger, promises, policies, today

    async def run(self, also: Callable[[], Awaitable[object]]) -> None:
        """Rate until cancelled, and do `also` every half hour; a failure of the ledger only makes it wait."""
        clock, also_at = asyncio.get_running_loop().time, 0.0
        while True:
            try:
                async with self._ledger.leases.held(LEASE, LEASE_SECONDS) as lease:
                    while lease is not None and lease.held:
                        if not await self.rate():
                            await asyncio.sleep(POLL_SECONDS)
                        if clock() >= also_at:
                            also_at = clock() + ALSO_SECONDS
                            await also()
            except (TransientError, PermanentError) as error:
                logger.warning("questions can't be rated by risk now: %s", error)
            except Exception:
                logger.exception("questions could not be rated by risk; it is tried again")
            await asyncio.sleep(POLL_SECONDS)

    async def rate(self) -> int:
        """Rate some of the questions that are due; how many there were."""
        due = await self._ledger.ratings.due(AGAIN_AFTER, AT_ONCE)
        if due:
            about = await self._ledger.ratings.requirements_of([one.id for one in due])
            covered = await self.covered({each for one in due for each in about.get(one.id, ())})
            await self._ledger.ratings.rate([_rated(one, about.get(one.id, ()), covered) for one in due])
        return len(due)

    async def of_question(self, question: ExceptionSnapshot) -> Risk | None:
        """The risk of a question as it is now; None: it can't be told."""
        about = (await self._ledger.ratings.requirements_of([question.id])).get(question.id, ())
        pegged = tuple(peg.demand for peg in question.proposal.pegs)
        return _risk(pegged, (await self.covered(about)).values())

    async def covered(self, ids: Collection[str]) -> Mapping[str, CoveredRequirement]:
        """The open ones of these requirements, whose plant has a policy."""
        rows = await self._ledger.lists.requirements_by_id(ids)
        serving: dict[str, list[ServingLine]] = {}
        for one in await self._ledger.lists.serving_lines(list(rows)):
            serving.setdefault(one.requirement_id, []).append(one)
        found = {}
        for identity, row in rows.items():
            requirement, plant = row.snapshot, row.snapshot.need.plant
            policy = self._policies.effective(plant)
            if policy is None or requirement.closed:
                continue
            lines, today = serving.get(identity, []), self._today(plant)
            coverage = coverage_of(requirement, lines, policy.calendar, today, receipt_days=policy.goods_receipt_days)
            chances = await self._promises.reader(plant)
            found[identity] = CoveredRequirement(requirement, lines, coverage, chances)
        return found


def _rated(question: QuestionToRate, about: Iterable[str], covered: Mapping[str, CoveredRequirement]) -> Rating:
    risk = _risk(question.pegged, [covered[each] for each in about if each in covered])
    return Rating(id=question.id, risk=risk.missing if risk else None, why=risk.why if risk else "")


def _risk(pegged: Collection[str], known: Iterable[CoveredRequirement]) -> Risk | None:
    return riskiest(found for one in known if (found := one.risk(pegged)) is not None)


__all__ = ["CoveredRequirement", "RiskWatch"]
