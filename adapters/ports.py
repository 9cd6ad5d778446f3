"""The ports of outside systems: one Protocol a system, and policies.

Every write takes `key`, the idempotency key: made of the workflow id and the step, the same on every attempt; and
`maybe_written`: True where an earlier attempt may have written without our knowledge (a time-out, a killed worker), so
that the adapter looks, waits its settle time and looks again before it creates. Calls raise
adapters.errors.TransientError or PermanentError; a reasoned refusal is a returned Refused.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from pydantic import SecretStr

from adapters.errors import UnreadableMessage
from canonical.coverage import CoverageReport
from canonical.landscape import Domain, MaintenanceNotice, Mode, Systems, TwoErps, Unowned
from canonical.observing import LineCompared
from canonical.order import (
    ChangeOutcome,
    DocumentAcknowledged,
    DuplicateDocuments,
    GoodsReceipt,
    OrderAnswer,
    OrderChangeOutcome,
    OrderDocument,
    OrderSchedule,
    PlaceOutcome,
    ShipmentAnnounced,
    WriteOutcome,
)
from canonical.policy import PlantPolicy, RouteKind
from canonical.sourcing import ItemAtPlant, UnknownItem

STOCK_ITEMS_MAX = 50
"""Of how many items the stock is asked for in one call, so that the call stays short and its URL too."""


class MasterDataPort(Protocol):
    """Reads items and their sources."""

    async def item_at_plant(self, plant: str, item: str) -> ItemAtPlant | UnknownItem: ...

    async def prefetch(self, plants: Collection[str]) -> int:
        """Read all items of these plants ahead; returns how many there are."""
        ...


class PolicyPort(Protocol):
    """The plants' policies as they are now. No waiting for I/O: changes on disk are loaded in between."""

    @property
    def plants(self) -> Collection[str]:
        """The plants that have a policy."""
        ...

    @property
    def faults(self) -> Collection[str]:
        """Why the newest edit is not in force; empty: it is."""
        ...

    def effective(self, plant: str, *, item_class: str = "", item: str = "", supplier: str = "") -> PlantPolicy | None:
        """The policy for the plant, and for the item and supplier there; None: the plant has none."""
        ...


class LandscapePort(Protocol):
    """Which systems own what, as the landscape says now. No waiting for I/O."""

    @property
    def faults(self) -> Collection[str]:
        """Why the newest edit is not in force; empty: it is."""
        ...

    def systems_of(self, plant: str, supplier: str, route: RouteKind = RouteKind.DIRECT) -> Systems | Unowned:
        """The systems that a new order of the plant with the supplier is with."""
        ...

    def two_erps(self, plant: str, supplying_plant: str) -> TwoErps | None:
        """That a transfer between the plants would be in two systems; None: it is in one."""
        ...

    def senders(self, domain: Domain, plant: str) -> Sequence[str] | None:
        """The sources of events that may send in the domain at the plant; None: the policy says it."""
        ...

    def mode(self, plant: str, item_class: str = "", system: str = "") -> Mode:
        """Whether Pegline writes there, or only observes."""
        ...

    def maintenance(self, systems: Sequence[str] = ()) -> Sequence[MaintenanceNotice]:
        """Which of the systems (of all, where none are named) are not called now."""
        ...


class ErpPort(Protocol):
    """Writes requisitions and orders.

    What the system's own people must approve first is AwaitingApproval. A call whose document has `awaiting` only reads
    what has become of that: AwaitingApproval still; Placed or Written once it holds what was submitted, and the
    supplier may have it; Refused with the approver's reason, or because somebody withdrew or deleted it. A call without
    submits, what was refused before once more; nothing is there twice.
    """

    async def place_order(self, document: OrderDocument, *, key: str, maybe_written: bool) -> PlaceOutcome:
        """One requisition with an item per line, converted into one order; both found again by reference.

        With `maybe_written`, a refusal that is found is this call's own; without, it is submitted again. Where the ERP
        has to release the order first (`Placed.unreleased`), it is not sent; the same call, made again, says whether it
        is released by then.
        """
        ...

    async def change_order(self, document: OrderDocument, *, key: str) -> OrderChangeOutcome:
        """Bring the lines in `document.changed_lines` to the document's state (quantity, date, cancelled).

        Where the ERP holds neither the last written state (`DocumentLine.written`) nor the requested one, a person
        edited the line: the result is Edited, and nothing is written. A change may open the release again
        (`Written.unreleased`): it is not sent then, and the same call, made again, says whether it is released.
        """
        ...

    async def cancel_requisition(self, document: OrderDocument, *, key: str) -> WriteOutcome:
        """Delete the requisition's items of our reference that are not in an order; harmless where there are none.

        What waits for approval is withdrawn; Refused where it can't be.
        """
        ...

    async def write_schedule(self, schedule: OrderSchedule, *, key: str) -> ChangeOutcome:
        """Bring the delivery schedules of the lines to the confirmed and delivered quantities.

        Where the ERP holds neither the last written state (`LineSchedule.written`) nor this schedule, a person edited
        the line: the result is Edited, and nothing is written.
        """
        ...


class DuplicateSweepPort(Protocol):
    """Looks for documents of ours that exist twice; changes nothing."""

    async def duplicates(self, since: dt.date) -> Sequence[DuplicateDocuments]:
        """Those among the documents created since that day."""
        ...


class PeopleOrdersPort(Protocol):
    """Reads what people ordered without Pegline, for comparing; changes nothing."""

    async def created(self, plant: str, day: dt.date) -> Sequence[LineCompared]:
        """The living order lines of the plant that people created that day, by the system's calendar."""
        ...


class SupplierPort(Protocol):
    """Sends documents to suppliers. A repeated key is one document."""

    async def send_order(self, document: OrderDocument, *, key: str) -> WriteOutcome: ...

    async def send_change(self, document: OrderDocument, *, key: str) -> WriteOutcome: ...

    async def send_reminder(self, document: OrderDocument, *, key: str) -> WriteOutcome: ...


class ChangedOrder(NamedTuple):
    """An order that changed in an ERP, and when."""

    order_number: str
    at: dt.datetime


class PostedReceipts(NamedTuple):
    """What was received for an order, as the ERP has posted it."""

    receipts: Sequence[GoodsReceipt]
    unclear: Sequence[str]
    """In words: what belongs to no single line of ours."""


class ErpChangesPort(Protocol):
    """Asks an ERP that reports nothing by itself what happened to orders, ours and others."""

    async def subscribe(self, client_state: str, *, key: str) -> WriteOutcome:
        """Have it notify that something changed, with this secret; Refused where it doesn't, or nobody is to know."""
        ...

    async def changed_since(self, moment: dt.datetime) -> Sequence[ChangedOrder]:
        """The orders that changed since (inclusive), the earliest change first; deleted ones are not among them."""
        ...

    async def gone(self, order_numbers: Sequence[str]) -> Sequence[str]:
        """Those of these orders that are there no more: a person deleted them, or the ERP did when they were done."""
        ...

    async def received(self, order_number: str) -> PostedReceipts:
        """All receipts of an order, each always under the same number."""
        ...


class AvailableStock(NamedTuple):
    """What an ERP has of an item at a plant that nobody there has been promised."""

    item: str
    quantity: Decimal
    """Exact; below zero: more is promised than there is. Blocked stock and stock in inspection never count."""
    unit: str
    """UN/ECE code of the unit that the ERP counts it in."""
    at: dt.datetime
    """When it was so: no later than the ERP answered."""


class StockPort(Protocol):
    """Reads from an ERP what is available of items at a plant; changes nothing."""

    async def available(self, plant: str, items: Sequence[str]) -> Sequence[AvailableStock]:
        """What is available of each item now, less what the ERP itself keeps for others; at most STOCK_ITEMS_MAX items.

        An item that the ERP doesn't know, or counts in a unit that has no UN/ECE code here, is left out.
        """
        ...


DocumentContent = tuple[OrderAnswer | ShipmentAnnounced | DocumentAcknowledged, ...]
"""What one message of a supplier says; of several orders, one entry each."""


class DocumentPart(NamedTuple):
    """A message of a document, whole, so that it can be read again by itself; and its content, or why it has none."""

    body: bytes
    content: DocumentContent | UnreadableMessage


class SupplierDocument(NamedTuple):
    """A document's messages, each by itself: one that can't be read does not hold back the others."""

    parts: Sequence[DocumentPart]
    replies: Sequence[bytes] = ()
    """Acknowledgements that the sender asks for, as documents to send."""


class ReplyPort(Protocol):
    """Sends the acknowledgements that suppliers ask for. A repeated key is one document."""

    async def send_reply(self, document: bytes, *, key: str) -> WriteOutcome: ...


class CollectedDocument(NamedTuple):
    """A document that a counterpart keeps until it is collected."""

    key: str
    """The same for the same document in the same state."""
    body: bytes
    content_type: str
    place: str
    """Where the counterpart keeps it."""


class CollectPort(Protocol):
    """Collects documents that a counterpart does not send by itself."""

    async def waiting(self) -> Sequence[CollectedDocument]:
        """Those that nobody has collected yet, the oldest first."""
        ...

    async def taken(self, document: CollectedDocument, *, key: str) -> WriteOutcome:
        """Tell the counterpart that it is stored here. What changed there meanwhile is given again."""
        ...


class SupplierDialect(Protocol):
    """Reads the documents of a supplier channel. Pure: no I/O; never guesses, never raises for what was sent."""

    def read(self, body: bytes, content_type: str) -> SupplierDocument: ...


class DocumentEvent(NamedTuple):
    """Something that a system's document says, as an event of ours (canonical.event_data)."""

    type: str
    id: str
    """The same however often the document comes."""
    time: str | None
    """When it took effect, with its offset."""
    data: Mapping[str, Any]


class SystemStatement(NamedTuple):
    """What a document of a system says."""

    events: Sequence[DocumentEvent]
    left_out: Sequence[str] = ()
    """What it says beside that and Pegline has no use for, with why."""


class DocumentReader(Protocol):
    """Reads the documents of an MES, a WMS or a PLM system. Pure: no I/O; never guesses, and reads whole or not at all.

    Raises UnreadableMessage, which says where.
    """

    def read(self, body: bytes, content_type: str) -> SystemStatement: ...


class ApsPort(Protocol):
    """Reports the coverage of its requirements to the planning system."""

    async def write_coverage(self, report: CoverageReport, *, key: str) -> WriteOutcome:
        """Have the system hold the report. A substitute item is left out where it has no place for one."""
        ...


class PublishedPlan(NamedTuple):
    """A planning system's whole plan for a plant, as POST /v1/plan-runs takes it."""

    version: int
    """The higher is the newer."""
    lines: bytes
    """NDJSON."""


class PlanPort(Protocol):
    """Reads plans from a planning system that does not send them."""

    async def read_plan(self, plant: str) -> PublishedPlan: ...


class WebhookPort(Protocol):
    """Posts notifications to subscribers' addresses."""

    async def post(self, url: str, body: bytes, *, message_id: str, secrets: Sequence[SecretStr]) -> bool:
        """Post a CloudEvent, signed with each secret; False: the address answers that it is gone for good.

        The message id is the same on every attempt. Raises TransientError for everything but success: whoever keeps the
        address may mend it meanwhile.
        """
        ...


class Mail(NamedTuple):
    """A mail to people, as text and as HTML."""

    to: Sequence[str]
    subject: str
    text: str
    html: str
    message_id: str
    """The same on every attempt, so that a mailbox shows a repeated one once."""
    list_name: str
    """What the reader may filter by: the subscription."""


class MailPort(Protocol):
    """Hands mails to a mail server. What becomes of them there (a bounce) is not learned."""

    async def send(self, mail: Mail) -> str:
        """The recipients that the server refused, where it took others, in words; empty: it took all.

        Raises TransientError, or PermanentError where another attempt won't help.
        """
        ...


__all__ = [
    "STOCK_ITEMS_MAX",
    "ApsPort",
    "AvailableStock",
    "ChangedOrder",
    "CollectPort",
    "CollectedDocument",
    "DocumentContent",
    "DocumentEvent",
    "DocumentPart",
    "DocumentReader",
    "DuplicateSweepPort",
    "ErpChangesPort",
    "ErpPort",
    "LandscapePort",
    "Mail",
    "MailPort",
    "MasterDataPort",
    "PeopleOrdersPort",
    "PlanPort",
    "PolicyPort",
    "PostedReceipts",
    "PublishedPlan",
    "ReplyPort",
    "StockPort",
    "SupplierDialect",
    "SupplierDocument",
    "SupplierPort",
    "SystemStatement",
    "WebhookPort",
]
