"""The planning system's books: model, plan versions, what was published, what coverage it was told.

Decided here: which coverage of an order stays (the highest sequence), and what is sent in one batch. Not decided here:
what must be bought (explosion) and what a version says (versions).
"""

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from starlette.responses import JSONResponse

from simulators.aps.bodies import CoverageBody, ModelBody, PlanBody, ReviseBody
from simulators.aps.explosion import Build, Item, Model, explode
from simulators.aps.versions import PlanVersion, events, revise, run_files
from simulators.books import Clock, WriteLog
from simulators.keeping import Shelf
from simulators.outbox import Outbox

BATCH = "application/cloudevents-batch+json"
NDJSON = "application/x-ndjson"


class Planning:
    """The planning system's books and what it does."""

    def __init__(self, name: str, outbox: Outbox, clock: Clock, shelf: Shelf | None = None) -> None:
        self.source = f"aps-{name}"
        self.outbox = outbox
        self.clock = clock
        self.shelf = shelf or Shelf()
        self.log = WriteLog(clock, shelf=self.shelf)
        self.model: Model | None = None
        self.versions: dict[int, PlanVersion] = {}
        self.published: list[dict[str, Any]] = []
        self.coverage: dict[str, CoverageBody] = {}
        self.answers: dict[str, tuple[bytes, int, dict[str, Any]]] = {}
        self.coverage_calls: dict[str, int] = defaultdict(int)
        self.stale: list[dict[str, Any]] = []
        self._keep()

    def _keep(self) -> None:
        shelf = self.shelf
        shelf.whole("model", lambda: self.model, lambda kept: setattr(self, "model", kept), only_touched=True)
        shelf.whole("coverage_calls", lambda: self.coverage_calls, self.coverage_calls.update)
        for part in ("versions", "published", "coverage", "answers", "stale"):
            shelf.entries(part, getattr(self, part))

    def learn(self, body: ModelBody) -> None:
        """Take over master data and stock."""
        components: dict[str, list[tuple[str, Decimal]]] = defaultdict(list)
        for edge in body.bom:
            components[edge.assembly].append((edge.component, edge.quantity))
        self.shelf.touch("model")
        self.model = Model(
            items={
                row.item: Item(
                    item=row.item,
                    unit=row.unit,
                    make=row.make,
                    days=row.days,
                    planner=row.planner,
                    bought_at=frozenset(row.bought_at),
                    individual_at=frozenset(row.individual_at),
                )
                for row in body.items
            },
            components=components,
            stock={(row.plant, row.item): row.quantity for row in body.stock},
            plants=tuple(body.plants),
            days_off={plant: frozenset(days) for plant, days in body.days_off.items()},
        )

    def plan(self, body: PlanBody) -> PlanVersion:
        """Explode a build schedule into a plan version."""
        if self.model is None:
            raise ValueError("there is no model yet: POST /control/model first")
        builds = [Build(**row.model_dump()) for row in body.builds]
        found = explode(self.model, builds, body.today, body.bucket_weekdays)
        return PlanVersion(
            version=body.version,
            today=body.today,
            effective_at=body.effective_at or self.clock.now(),
            requirements={requirement.reference: requirement for requirement in found},
            gone={},
        )

    def next_version(self, body: ReviseBody) -> PlanVersion:
        """Make the version after the last."""
        if not self.versions:
            raise ValueError("there is no plan to revise: POST /control/plan first")
        last = self.versions[max(self.versions)]
        return revise(
            last,
            seed=str(body.seed),
            share_changed=body.share_changed,
            share_gone=body.share_gone,
            share_new=body.share_new,
            share_slightly=body.share_slightly,
            gone=body.gone,
            kept=body.kept,
            effective_at=body.effective_at or self.clock.now(),
            today=body.today or last.today,
            days_off=self.model.days_off if self.model else {},
        )

    async def publish(self, plan: PlanVersion, batch_size: int, wait: bool, fresh_ids: bool = False) -> dict[str, Any]:
        """Publish a plan version as events, in batches."""
        self.versions[plan.version] = plan
        self.shelf.touch("versions", plan.version)
        suffix = f".r{len(self.published) + 1}" if fresh_ids else ""
        statement = events(plan, self.source, suffix)
        sending: dict[str, Any] = {
            "version": plan.version,
            "fresh_ids": fresh_ids,
            "events": len(statement),
            "ids": [event["id"] for event in statement],
            "deliveries": [],
        }
        self.published.append(sending)
        batches = [statement[start : start + batch_size] for start in range(0, len(statement), batch_size)]
        if wait:
            await self._send(plan, batches, sending)
        else:
            self.outbox.start(self._send(plan, batches, sending))
        return {**plan_summary(plan), "events": len(statement), **self._outcome(sending)}

    async def publish_runs(self, plan: PlanVersion, wait: bool) -> dict[str, Any]:
        """Publish a plan version whole, a plan run a plant; what a plant no longer needs it leaves out."""
        self.versions[plan.version] = plan
        self.shelf.touch("versions", plan.version)
        files = run_files(plan)
        sending: dict[str, Any] = {
            "version": plan.version,
            "runs": sorted(files),
            "lines": len(plan.requirements),
            "deliveries": [],
        }
        self.published.append(sending)
        sent = self._send_runs(plan, files, sending)
        if wait:
            await sent
        else:
            self.outbox.start(sent)
        return {**plan_summary(plan), "runs": sorted(files), **self._outcome(sending)}

    async def _send_runs(self, plan: PlanVersion, files: Mapping[str, bytes], sending: dict[str, Any]) -> None:
        for plant, body in sorted(files.items()):
            query = urlencode({"source": self.source, "plant": plant, "version": plan.version})
            delivery = await self.outbox.deliver(
                f"plan {plan.version} of {plant}", f"/v1/plan-runs?{query}", NDJSON, body
            )
            sending["deliveries"].append(delivery.number)
            self.shelf.touch("published", self.published.index(sending))

    async def _send(self, plan: PlanVersion, batches: list[list[dict[str, Any]]], sending: dict[str, Any]) -> None:
        for number, batch in enumerate(batches, start=1):
            body = JSONResponse(batch).body
            delivery = await self.outbox.deliver(
                f"plan {plan.version}, batch {number} of {len(batches)}", "/v1/events", BATCH, bytes(body)
            )
            sending["deliveries"].append(delivery.number)
            self.shelf.touch("published", self.published.index(sending))

    def _outcome(self, sending: dict[str, Any]) -> dict[str, Any]:
        states = [self.outbox.deliveries[number - 1].state for number in sending["deliveries"]]
        return {"batches": {state: states.count(state) for state in sorted(set(states))}}

    def take_coverage(self, body: CoverageBody) -> tuple[int, dict[str, Any]]:
        """Keep the newest coverage of an order; the status and body of the answer."""
        self.coverage_calls[body.order] += 1
        held = self.coverage.get(body.order)
        if held and body.sequence < held.sequence:
            reported = {"order": body.order, "sequence": body.sequence, "held": held.sequence}
            self.stale.append(reported)
            return 409, {
                **reported,
                "error": f"order {body.order}: sequence {held.sequence} is newer than {body.sequence}",
            }
        if held and body.sequence == held.sequence:
            return 200, {"order": body.order, "sequence": held.sequence, "changed": False}
        self.coverage[body.order] = body
        self.shelf.touch("coverage", body.order)
        return 200 if held else 201, {"order": body.order, "sequence": body.sequence, "changed": True}

    def books(self) -> dict[str, Any]:
        """Return everything the planning system knows."""
        known = {reference for plan in self.versions.values() for reference in plan.requirements}
        covered: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for order, body in sorted(self.coverage.items()):
            for row in body.requirements:
                schedule_lines = [part.model_dump(mode="json") for part in row.scheduleLines]
                covered[row.reference].append(
                    {"order": order, "requirement": row.requirementId, "scheduleLines": schedule_lines}
                )
        return {
            "source": self.source,
            "gateway": self.outbox.gateway_url,
            "under_way": self.outbox.under_way,
            "versions": {str(number): plan.view() for number, plan in sorted(self.versions.items())},
            "published": self.published,
            "deliveries": [delivery.view() for delivery in self.outbox.deliveries],
            "coverage": {order: body.model_dump(mode="json") for order, body in sorted(self.coverage.items())},
            "coverage_by_reference": dict(covered),
            "coverage_calls": dict(self.coverage_calls),
            "coverage_stale": self.stale,
            "coverage_of_unknown": sorted(reference for reference in covered if reference not in known),
        }


def plan_summary(plan: PlanVersion) -> dict[str, Any]:
    """Return a plan version in numbers, with the references that differ from the version before."""
    return {
        "version": plan.version,
        "requirements": len(plan.requirements),
        "changed": list(plan.changed),
        "gone": list(plan.gone),
        "new": list(plan.new),
        "slightly": list(plan.slightly),
    }
