"""A plant for the entities to serve: the real server, the real ledger, counterparts in memory, items and needs."""

import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker, WorkflowRunner

from adapters.ports import ApsPort, ErpPort
from canonical.base import Criticality
from canonical.calendar import Calendar
from canonical.need import Need, Peg, Revision
from canonical.policy import Approval, Ownership, PlantPolicy
from canonical.sourcing import ItemAtPlant, Source
from ledger.ledger import Ledger
from policies.book import FixedPolicies
from runtime.directory import EntityDirectory
from runtime.temporal import RUNNER, temporal_plugin
from tests.workflows.fakes import FakeAps, FakeErp, FakeMasterData, FakeSupplier
from worker import Counterparts, build_workers

EVERY_DAY = Calendar(name="every day", weekdays=(0, 1, 2, 3, 4, 5, 6))
POLICY = PlantPolicy(
    plant="1710",
    version="test",
    company_code="1710",
    purchasing_organization="1710",
    calendar=EVERY_DAY,
    office=EVERY_DAY,
    ownership=Ownership(requirement=("aps-*",)),
    approval=Approval(rates={"EUR": Decimal(1), "USD": Decimal("0.92")}),
)


def today() -> date:
    return datetime.now(UTC).date()


class Plant:
    """Where a story happens."""

    def __init__(
        self,
        environment: WorkflowEnvironment,
        engine: AsyncEngine,
        policy: PlantPolicy = POLICY,
        runner: WorkflowRunner = RUNNER,
    ) -> None:
        self.environment = environment
        config = environment.client.config()
        config["plugins"] = [temporal_plugin(runner)]
        self.client = Client(**config)
        self.engine, self.ledger = engine, Ledger(engine)
        self.erp, self.supplier, self.aps, self.master_data = FakeErp(), FakeSupplier(), FakeAps(), FakeMasterData()
        self.real_erp: ErpPort | None = None
        self.real_aps: ApsPort | None = None
        """In the place of `erp`, where a story has one; so is `real_aps`."""
        self.queue = f"test-{uuid.uuid4().hex[:8]}"
        self.entities = EntityDirectory(self.client, self.queue)
        self.prefix = uuid.uuid4().hex[:6]
        """Makes the ids of this test unique on the shared server."""
        self.policy, self.policies = policy, FixedPolicies({policy.plant: policy})
        self.policy_changes = False
        """Set by a story that changes the policy of its plant: earlier decisions then followed another policy."""
        self.defects_expected = False
        """Set by a story whose code is defective on purpose: any other story fails by a defect."""
        self.held_back: list[Worker] = []
        """Workers that a story starts by itself."""
        self._answers = 0

    @property
    def database_url(self) -> str:
        return self.engine.url.render_as_string(hide_password=False)

    def workers(self, **options: Any) -> list[Worker]:
        """A worker per queue; a mistake in workflow code fails the story instead of being retried for ever."""
        options.setdefault("workflow_failure_exception_types", [Exception])
        counterparts = Counterparts(
            self.real_erp or self.erp, self.supplier, self.real_aps or self.aps, self.master_data
        )
        return build_workers(self.client, self.queue, self.ledger, counterparts, self.policies, **options)

    # -- master data and plan

    def item(self, item: str, *suppliers: str, lead_time_days: int = 21, **changes: Any) -> str:
        """An item of this test, sold by the suppliers in their order of preference."""
        name = f"{item}-{self.prefix}"
        fields: dict[str, Any] = {
            "unit": "EA",
            "lead_time_days": lead_time_days,
            "minimum_quantity": Decimal(1),
            "multiple": Decimal(1),
            "price": Decimal("2.00"),
            "currency": "USD",
            "calendar": EVERY_DAY,
        } | changes
        sources = tuple(
            Source(supplier=f"{supplier}-{self.prefix}", supplier_name=supplier, preference=place, **fields)
            for place, supplier in enumerate(suppliers, 1)
        )
        self.master_data.items["1710", name] = ItemAtPlant(
            plant="1710", item=name, description=item, base_unit="EA", goods_receipt_days=2, sources=sources
        )
        return name

    def need(
        self,
        item: str,
        quantity: int = 100,
        *,
        days: int = 60,
        version: int = 1,
        reference: str = "BS-1",
        criticality: Criticality = Criticality.B,
        **changes: Any,
    ) -> Need:
        due = today() + timedelta(days=days)
        fields: dict[str, Any] = {
            "plant": "1710",
            "item": item,
            "quantity": Decimal(quantity),
            "unit": "EA",
            "required_date": due,
            "source": "aps",
            "demand_reference": reference,
            "revision": Revision(
                plan_version=version, effective_at=datetime.now(UTC), event_id=f"{version}-{uuid.uuid4().hex[:6]}"
            ),
            "pegging": (Peg(demand="BIKE-1", quantity=Decimal(quantity), date=due, criticality=criticality),),
        }
        return Need(**fields | changes)
