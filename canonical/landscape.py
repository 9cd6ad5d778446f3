"""The landscape as the engine needs it: which systems an order is with, and who owns what.

Not here: how a landscape is written down, and how its systems are reached.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from canonical.base import Model

SystemName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
"""A system's name in the landscape; it is part of a task queue's name."""


class SystemKind(StrEnum):
    """What a system is to Pegline."""

    ERP = "erp"
    SUPPLIER = "supplier"
    """A channel to suppliers."""
    PLANNING = "planning"
    PROCUREMENT = "procurement"
    MES = "mes"
    WMS = "wms"
    PLM = "plm"


ORDERING = (SystemKind.ERP, SystemKind.PROCUREMENT)
"""Kinds of systems that may own orders: an ERP, or a procurement system, whose people source and approve."""
SENDING = (SystemKind.MES, SystemKind.WMS, SystemKind.PLM)
"""Kinds of systems that are never called: they send events or, with a dialect, documents of their own."""


class Domain(StrEnum):
    """What a system can own at a plant: what Pegline reads from it or writes to it, or what it alone may send."""

    ORDERS = "orders"
    MASTER_DATA = "master_data"
    COVERAGE = "coverage"
    SOURCING = "sourcing"
    REQUIREMENT = "requirement"
    SUPPLIER_ANSWER = "supplier_answer"
    SHIPMENT = "shipment"
    GOODS_RECEIPT = "goods_receipt"
    ORDER_DOCUMENT = "order_document"
    BILL_OF_MATERIAL = "bill_of_material"
    STOCK = "stock"
    CONSUMPTION = "consumption"
    """Unplanned use of stock; where nobody is named for it, the owner of the stock reports it."""


CALLED: dict[Domain, SystemKind] = {
    Domain.ORDERS: SystemKind.ERP,
    Domain.MASTER_DATA: SystemKind.ERP,
    Domain.COVERAGE: SystemKind.PLANNING,
    Domain.SOURCING: SystemKind.PROCUREMENT,
}
"""Domains for which Pegline calls a system, and of which kind it is; the others are what systems send."""

Mode = Literal["live", "observe"]
"""`observe`: everything is decided and recorded, and nothing is written to a counterpart."""


class Systems(Model):
    """The systems that an order is with."""

    erp: SystemName = "erp"
    """Holds the order; it stays there, also where new orders of its plant go to another one."""
    channel: SystemName = "supplier"
    planning: SystemName = "aps"
    landscape: str = ""
    """The version of the landscape that said so."""


class Unowned(Model):
    """Nobody owns a domain at a plant, or no channel leads to a supplier."""

    plant: str
    domain: str
    next_step: str

    def __str__(self) -> str:
        return f"no system owns {self.domain} at plant {self.plant}; {self.next_step}"


class TwoErps(Model):
    """Two plants whose orders are in two systems: no stock transport order can be in both."""

    plant: str
    erp: str
    supplying_plant: str
    supplying_erp: str

    def __str__(self) -> str:
        return (
            f"plant {self.plant} can't transfer from plant {self.supplying_plant} by one order: its orders are in "
            f"{self.erp}, those of plant {self.supplying_plant} in {self.supplying_erp}"
        )

    @property
    def next_step(self) -> str:
        """What to do about it."""
        return (
            f"buy from plant {self.supplying_plant} as from a supplier: give it an info record in {self.erp} and a "
            "channel in the landscape, and take its transfer out of the plant's routes"
        )


class MaintenanceNotice(Model):
    """A system that is not called now."""

    system: str
    until: str
    """The end in the zone of its window, in words."""


__all__ = [
    "CALLED",
    "ORDERING",
    "SENDING",
    "Domain",
    "MaintenanceNotice",
    "Mode",
    "SystemKind",
    "SystemName",
    "Systems",
    "TwoErps",
    "Unowned",
]
