"""What the bare workflow and its activities say to each other."""

from dataclasses import dataclass

QUEUE = "bare"


@dataclass
class Need:
    """What the planning system states."""

    reference: str
    """Twelve characters at most: the ERP knows the order by it, and the workflow goes by it."""
    plant: str
    item: str
    quantity: str
    unit: str
    required_date: str
    supplier: str
    reads: bool = True
    """Whether it reads before and after it writes, as Pegline does; else it writes alone."""


@dataclass
class Ordered:
    """A need with its documents in the ERP."""

    need: Need
    requisition: str
    order: str = ""


@dataclass
class Answer:
    """The supplier's word."""

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
    """What APS is told."""

    ordered: Ordered
    quantity: str
    date: str
    state: str
    sequence: int
    as_of: str
