"""The data that the bare workflow and its activities exchange."""

from dataclasses import dataclass

QUEUE = "bare"


@dataclass
class Need:
    """A need as the planning system states it."""

    reference: str
    """Twelve characters at most: the ERP knows the order by it, and the workflow goes by it."""
    plant: str
    item: str
    quantity: str
    unit: str
    required_date: str
    supplier: str
    reads: bool = True
    """Whether it reads before and after writing, as Pegline does; otherwise it only writes."""


@dataclass
class Ordered:
    """A need with its documents in the ERP."""

    need: Need
    requisition: str
    order: str = ""


@dataclass
class Answer:
    """The supplier's answer."""

    quantity: str
    date: str


@dataclass
class Receipt:
    """Goods in stock."""

    quantity: str
    date: str


@dataclass
class Confirmed:
    """An order as the supplier promised it."""

    ordered: Ordered
    answer: Answer


@dataclass
class Coverage:
    """The coverage reported to APS."""

    ordered: Ordered
    quantity: str
    date: str
    state: str
    sequence: int
    as_of: str
