"""The ledger as a whole: implements activities.ports.LedgerPort for activities, and serves the gateway."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.errors import PermanentError
from canonical.bom import ComponentUse
from canonical.identity import ChangeId, ExceptionId, OrderId
from canonical.need import Need, Withdrawal
from canonical.notification import Subscriptions
from canonical.records import AuditBatch, ConsolidationBatch, EndedEntity, OrderTerms, Reservation
from canonical.sourcing import Assessment, FreeStock
from canonical.stock import StockFigure, StockReport, StockUser
from canonical.supply import SupplyRequest
from ledger.consolidation.batches import ConsolidationBatches
from ledger.conversation.conversation import Conversation
from ledger.engineering_change.bills import Bills
from ledger.events.audit_log import AuditLog
from ledger.inbox.call_slots import CallSlots
from ledger.inbox.dead_letters import DeadLetters
from ledger.inbox.inbox import Inbox
from ledger.inbox.internal_needs import publish_needs, take_stock
from ledger.inbox.lease import Leases
from ledger.inbox.operations import Operations
from ledger.inbox.registry import Registry
from ledger.kpis.latency import LatencyReads
from ledger.kpis.reads import KpiReads
from ledger.kpis.suppliers import SupplierReads
from ledger.kpis.unmeasured import Unmeasured
from ledger.landscape.feeds import Feeds
from ledger.landscape.landscapes import Landscapes
from ledger.notifications.deliveries import Deliveries
from ledger.people.people import People
from ledger.people.sessions import Sessions
from ledger.plan_runs.plan_runs import PlanRuns
from ledger.promises.promises import Promises
from ledger.questions.context import QuestionContexts
from ledger.questions.questions import SharedQuestions
from ledger.snapshots.lists import Lists
from ledger.snapshots.reads import Reads
from ledger.stock.availability import Availabilities
from ledger.stock.readings import StockReadings
from ledger.stock.stock import Stock
from ledger.work_list.ratings import Ratings
from ledger.work_list.views import WorkViews
from ledger.work_list.work_list import WorkList


class Ledger:
    """The whole ledger on one engine (ledger.database.connect); `subscriptions`: who is told of what is recorded."""

    def __init__(self, engine: AsyncEngine, subscriptions: Callable[[], Subscriptions] = Subscriptions) -> None:
        self.inbox = Inbox(engine)
        self.leases = Leases(engine)
        self.call_slots = CallSlots(engine)
        self.dead_letters = DeadLetters(engine)
        self.operations = Operations(engine)
        self.registry = Registry(engine)
        self.reads = Reads(engine)
        self.work_list = WorkList(engine)
        self.work_views = WorkViews(engine)
        self.ratings = Ratings(engine)
        self.kpis = KpiReads(engine)
        self.unmeasured = Unmeasured(engine)
        self.latency = LatencyReads(engine)
        self.suppliers = SupplierReads(engine)
        self.lists = Lists(engine)
        self.plans = PlanRuns(engine)
        self.bills = Bills(engine)
        self.stock = Stock(engine)
        self.stock_readings = StockReadings(engine)
        self.availability = Availabilities(engine)
        self.people = People(engine)
        self.sessions = Sessions(engine)
        self.conversation = Conversation(engine)
        self.contexts = QuestionContexts(engine)
        self._questions = SharedQuestions(engine)
        self.deliveries = Deliveries(engine)
        self.promises = Promises(engine)
        self.landscapes = Landscapes(engine)
        self.feeds = Feeds(engine)
        self._audit_log = AuditLog(engine, subscriptions)
        self._batches = ConsolidationBatches(engine)

    async def record(self, audit_batches: Sequence[AuditBatch]) -> None:
        """Write each event once, by its entity's own count, and newer snapshots, in one transaction."""
        await self._audit_log.record(audit_batches)

    async def reserve_order(
        self, request: SupplyRequest, terms: OrderTerms, *, consolidation_minutes: int, lines_max: int, days_max: int
    ) -> Reservation:
        """Put the supply request in the consolidation batch of an order that collects for these terms, or open one."""
        return await self._batches.reserve_order(
            request, terms, consolidation_minutes=consolidation_minutes, lines_max=lines_max, days_max=days_max
        )

    async def close_batch(self, order: OrderId) -> ConsolidationBatch:
        """Close the consolidation batch and return it; repeated calls return the same."""
        return await self._batches.close_batch(order)

    async def publish_needs(
        self, needs: Sequence[Need], withdrawals: Sequence[Withdrawal], *, correlation_id: str
    ) -> None:
        """Put the needs of our own orders into the inbox, each once by its revision's event id."""
        await publish_needs(self.inbox, needs, withdrawals, correlation_id=correlation_id)

    async def take_stock(self, taken: StockReport, *, correlation_id: str) -> None:
        """Put the use of a plant's stock by a transfer of ours into the inbox, once by its event id."""
        await take_stock(self.inbox, taken, correlation_id=correlation_id)

    async def free_stock(self, plants: Sequence[str], item: str) -> Mapping[str, FreeStock]:
        """By plant, what it has on stock that nobody counts on; a plant without a figure is left out."""
        return await self.stock.free(plants, item)

    async def allocated(self, plant: str, item: str, unit: str = "") -> Mapping[str, Decimal]:
        """R14: the quantity of the item allocated to each supplier so far, in the given unit or in the needs' units."""
        return await self._batches.allocated(plant, item, unit)

    async def available_to_promise(self, plant: str, item: str) -> StockFigure:
        """The item's stock available to promise; PermanentError where no system has reported it."""
        figure = await self.stock.figure(plant, item)
        if figure is None:
            raise PermanentError("ledger", f"nobody has stated what is free of {item} at {plant}")
        return figure

    async def stock_users(self, plant: str, item: str) -> Sequence[StockUser]:
        """The item's open requirements at the plant, with their received and coming quantities, by id."""
        return await self.stock.users(plant, item)

    async def ended(self, entity: str) -> EndedEntity | None:
        """The state that an ended requirement or order goes on with; None where nothing of it can be taken back."""
        return await self.reads.ended(entity)

    async def record_item(self, assessment: Assessment) -> None:
        """Keep the master data and policy behind a decision, for questions that must not wait for the ERP."""
        await self.stock.record_item(assessment)

    async def join_question(self, plant: str, item: str, digest: str, asking: str, requirement: str) -> ExceptionId:
        """Wait for the open question of this digest; where there is none, `asking` is it. Returns the one that is."""
        return await self._questions.join(plant, item, digest, asking, requirement)

    async def leave_question(self, exception: str, requirement: str) -> int:
        """Wait no more for a question; returns how many others do."""
        return await self._questions.leave(exception, requirement)

    async def close_question(self, exception: str, most: int) -> Sequence[str]:
        """From now on nobody joins; some of those who wait, until they are `question_told`."""
        return await self._questions.close(exception, most)

    async def question_told(self, exception: str, requirements: Sequence[str]) -> None:
        """These have received the decision."""
        await self._questions.told(exception, requirements)

    async def where_used(
        self, plant: str, assembly: str, revision: str, components: Sequence[str]
    ) -> Sequence[ComponentUse]:
        """R13: open requirements of the components with their order lines, and the components' other users."""
        return await self.bills.where_used(plant, assembly, revision, components)

    async def superseded_by(self, plant: str, assembly: str, revision: str) -> ChangeId | None:
        """The engineering change whose revision replaces this one."""
        return await self.bills.superseded_by(plant, assembly, revision)
