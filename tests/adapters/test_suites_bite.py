"""The suites of planning systems, channels and approvals fail for adapters that are wrong, in the case about it."""

import itertools
from decimal import Decimal
from typing import Any

import httpx
import pytest

from adapters.errors import TransientError
from canonical.coverage import CoverageReport
from canonical.order import Refused, Written
from conformance.planning import suite as planning
from conformance.procurement import suite as procurement
from conformance.supplier import suite as supplier
from conformance.verdict import Nonconforming
from tests.adapters.aps.rest_bench import RestPlanningBench
from tests.adapters.erp.coupa_bench import CoupaBench
from tests.adapters.supplier.edifact.bench import EdifactBench


class Careless:
    """Rounds quantities, reports everything as the newest, and takes a lost answer for a good one."""

    def __init__(self, right: Any) -> None:
        self.aps, self._right = self, right

    async def write_coverage(self, report: CoverageReport, *, key: str) -> Any:
        rounded = tuple(
            entry.model_copy(
                update={
                    "schedule_lines": tuple(
                        part.model_copy(update={"quantity": Decimal(round(part.quantity))})
                        for part in entry.schedule_lines
                    )
                }
            )
            for entry in report.entries
        )
        try:
            return await self._right.write_coverage(
                report.model_copy(update={"entries": rounded, "sequence": 9 - report.sequence}), key=key
            )
        except TransientError:
            return Written()


class CarelessPlanning(RestPlanningBench):
    def connect(self, client: httpx.AsyncClient) -> Any:
        return Careless(super().connect(client).aps)


class CarelessChannel(EdifactBench):
    """Sends under another key each time."""

    def connect(self, client: httpx.AsyncClient) -> Any:
        right, numbers = super().connect(client).supplier, itertools.count()

        class Wrong:
            async def send_order(self, document: Any, *, key: str) -> Any:
                return await right.send_order(document, key=f"{key}/{id(self)}/{next(numbers)}")

            async def send_reminder(self, document: Any, *, key: str) -> Any:
                return await right.send_reminder(document, key=f"{key}/{next(numbers)}")

            async def send_change(self, document: Any, *, key: str) -> Any:
                return await right.send_change(document, key=key)

        connected: Any = Wrong()
        connected.supplier = connected
        return connected


class CarelessCloud(CoupaBench):
    """Keeps the approver's words to itself."""

    def connect(self, client: httpx.AsyncClient, **times: float) -> Any:
        right = super().connect(client, settle_seconds=0, second_create_seconds=0)
        place = right.orders.place_order

        async def wrong(document: Any, **given: Any) -> Any:
            outcome = await place(document, **given)
            return outcome.model_copy(update={"reason": "no"}) if isinstance(outcome, Refused) else outcome

        right.orders.place_order = wrong  # type: ignore[method-assign]
        return right


@pytest.mark.parametrize(
    "name", ["quantities_exactly", "older_changes_nothing", "lost_call[time-out, nothing was carried out]", "down"]
)
async def test_a_careless_planning_adapter_fails(name: str) -> None:
    [case] = [one for one in planning.CASES if one.name == name]
    with pytest.raises(Nonconforming, match=r"(?s)rule: .*seen: .*do: "):
        await planning.run(case, CarelessPlanning())


@pytest.mark.parametrize("name", ["repeated", "reminder_arrives_once", "lost_call[time-out after it was carried out]"])
async def test_a_careless_channel_fails(name: str) -> None:
    [case] = [one for one in supplier.CASES if one.name == name]
    with pytest.raises(Nonconforming, match=r"(?s)rule: .*seen: .*do: "):
        await supplier.run(case, await CarelessChannel.start())


@pytest.mark.parametrize("name", ["refused_with_reason", "lost_submission[time-out, carried out later]"])
async def test_a_careless_cloud_fails(name: str) -> None:
    [case] = [one for one in procurement.CASES if one.name == name]
    async with CarelessCloud.start() as bench:
        with pytest.raises(Nonconforming, match=r"(?s)rule: .*seen: .*do: "):
            await case.run(bench)
