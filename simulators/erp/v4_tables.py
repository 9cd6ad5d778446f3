"""SAP's OData V4 services over the same books: which of their sets, fields and navigations are which of V2's.

Decided here: names alone, as SAP's metadata of CE_PURCHASEORDER_0001, CE_PURCHASEREQUISITION_0001 and CE_PRODUCT_0002
have them. A field that is not renamed here is called the same in both.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from simulators.erp.fields import EntitySet
from simulators.erp.tables import SETS


@dataclass(frozen=True)
class Link:
    """A navigation: V2's name of it, and the V4 set that it leads to."""

    old: str
    target: str
    insertable: bool = False


@dataclass(frozen=True)
class Set4:
    """A V4 set: V2's set, the keys in order, renamed fields (V4 to V2), links, and what may be done to it."""

    name: str
    old: str
    keys: tuple[str, ...]
    renamed: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, Link] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()
    """Taken and not kept."""
    hidden: frozenset[str] = frozenset()
    """Of V2's fields, those that V4 does not have."""
    insertable: bool = False
    deletable: bool = True
    tagged: bool = False
    """Whether its entities have a tag, which every change must name."""

    @property
    def table(self) -> EntitySet:
        """V2's table."""
        return SETS[self.old]

    def old_name(self, name: str) -> str:
        """V2's name of a field."""
        return self.renamed.get(name, name)

    def new_name(self, old: str) -> str:
        """V4's name of a field of V2."""
        return next((new for new, each in self.renamed.items() if each == old), old)


_SCHEDULE_KEYS = {"PurchaseOrder": "PurchasingDocument", "PurchaseOrderItem": "PurchasingDocumentItem"}

ORDER_SETS = (
    Set4(
        "PurchaseOrder",
        "A_PurchaseOrder",
        ("PurchaseOrder",),
        {"PurchaseOrderDeletionCode": "PurchasingDocumentDeletionCode"},
        {"_PurchaseOrderItem": Link("to_PurchaseOrderItem", "PurchaseOrderItem", insertable=True)},
        insertable=True,
        tagged=True,
    ),
    Set4(
        "PurchaseOrderItem",
        "A_PurchaseOrderItem",
        ("PurchaseOrder", "PurchaseOrderItem"),
        {},
        {
            "_PurchaseOrder": Link("to_PurchaseOrder", "PurchaseOrder"),
            "_PurchaseOrderScheduleLineTP": Link("to_ScheduleLine", "PurchaseOrderScheduleLine", insertable=True),
        },
        ignored=frozenset(
            {"RequirementTracking", "DocumentCurrency", "PurgItemIsBlockedForDelivery", "_PurOrdAccountAssignment"}
        ),
        tagged=True,
    ),
    Set4(
        "PurchaseOrderScheduleLine",
        "A_PurchaseOrderScheduleLine",
        ("PurchaseOrder", "PurchaseOrderItem", "ScheduleLine"),
        _SCHEDULE_KEYS,
        {"_SubcontractingComponent": Link("to_SubcontractingComponent", "POSubcontractingComponent", insertable=True)},
        hidden=frozenset({"ScheduleLineCommittedQuantity"}),
        tagged=True,
    ),
    Set4(
        "POSubcontractingComponent",
        "A_POSubcontractingComponent",
        ("PurchaseOrder", "PurchaseOrderItem", "ScheduleLine", "ReservationItem", "RecordType"),
        tagged=True,
    ),
)
REQUISITION_SETS = (
    Set4(
        "PurchaseReqn",
        "A_PurchaseRequisitionHeader",
        ("PurchaseRequisition",),
        {},
        {"_PurchaseRequisitionItem": Link("to_PurchaseReqnItem", "PurchaseReqnItem", insertable=True)},
        insertable=True,
        deletable=False,
    ),
    Set4(
        "PurchaseReqnItem",
        "A_PurchaseRequisitionItem",
        ("PurchaseRequisition", "PurchaseRequisitionItem"),
        {"PurReqCreationDate": "CreationDate"},
        {"_PurReqn": Link("to_PurchaseReqn", "PurchaseReqn")},
        ignored=frozenset({"_PurchaseReqnAcctAssgmt", "IsClosed", "TaxCode"}),
        deletable=False,
        tagged=True,
    ),
)
PRODUCT_SETS = (
    Set4(
        "Product",
        "A_Product",
        ("Product",),
        {},
        {
            "_ProductDescription": Link("to_Description", "ProductDescription"),
            "_ProductUnitOfMeasure": Link("to_ProductUnitsOfMeasure", "ProductUnitOfMeasure"),
        },
    ),
    Set4("ProductDescription", "A_ProductDescription", ("Product", "Language")),
    Set4("ProductUnitOfMeasure", "A_ProductUnitsOfMeasure", ("Product", "AlternativeUnit")),
    Set4(
        "ProductPlant",
        "A_ProductPlant",
        ("Product", "Plant"),
        {},
        {
            "_ProductPlantSupplyPlanning": Link("to_ProductSupplyPlanning", "ProductPlantSupplyPlanning"),
            "_ProductPlantProcurement": Link("to_ProductPlantProcurement", "ProductPlantProcurement"),
        },
        hidden=frozenset({"ABCIndicator"}),
    ),
    Set4("ProductPlantSupplyPlanning", "A_ProductSupplyPlanning", ("Product", "Plant")),
    Set4("ProductPlantProcurement", "A_ProductPlantProcurement", ("Product", "Plant")),
)

SERVICES4: Mapping[str, tuple[str, Mapping[str, Set4]]] = {
    name: (old, {each.name: each for each in sets})
    for name, old, sets in (
        ("api_purchaseorder_2", "API_PURCHASEORDER_PROCESS_SRV", ORDER_SETS),
        ("api_purchaserequisition_2", "API_PURCHASEREQ_PROCESS_SRV", REQUISITION_SETS),
        ("api_product", "API_PRODUCT_SRV", PRODUCT_SETS),
    )
}
"""By the service's group, V2's service and the sets."""
