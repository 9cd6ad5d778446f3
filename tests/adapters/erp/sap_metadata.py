"""The fields that the adapter writes, with type and length as SAP publishes them.

Source: SAP's own $metadata of API_PURCHASEREQ_PROCESS_SRV and API_PURCHASEORDER_PROCESS_SRV (S/4HANA Cloud). A line
reads: name, type, length (or digits.decimals); `readonly` where SAP marks it neither creatable nor updatable.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Property:
    kind: str
    length: int = 0
    scale: int = 0
    readonly: bool = False


def _table(text: str) -> dict[str, Property]:
    found = {}
    for row in text.strip().splitlines():
        name, kind, *more = row.split()
        size, _, scale = (more[0] if more and more[0][0].isdigit() else "0").partition(".")
        found[name] = Property(kind, int(size), int(scale or 0), "readonly" in more)
    return found


SETS: dict[str, dict[str, Property]] = {
    "A_PurchaseRequisitionHeader": _table("""
        PurchaseRequisitionType String 4
        PurReqnDescription String 40
    """),
    "A_PurchaseRequisitionItem": _table("""
        PurchaseRequisition String 10
        PurchaseRequisitionItem String 5
        PurchaseRequisitionType String 4
        PurchasingDocumentItemCategory String 1
        SupplyingPlant String 4
        PurchaseRequisitionItemText String 40
        Material String 40
        MaterialGroup String 9
        RequestedQuantity Decimal 13.3
        BaseUnit String 3
        PurchaseRequisitionPrice Decimal 12.3
        PurReqnPriceQuantity Decimal 5.0
        PurReqnItemCurrency String 5
        DeliveryDate DateTime
        Plant String 4
        StorageLocation String 4
        TaxCode String 2
        AccountAssignmentCategory String 1
        CompanyCode String 4
        PurchasingOrganization String 4
        PurchasingGroup String 3
        FixedSupplier String 10
        PurchasingInfoRecord String 10
        PurchaseContract String 10
        PurchaseContractItem String 5
        RequirementTracking String 10
        PurReqnExternalReference String 35
        PurReqnExternalSystemId String 60
        PurReqnItemExternalReference String 10
        IsDeleted String 1
    """),
    "A_PurReqnAcctAssgmt": _table("""
        PurchaseReqnAcctAssgmtNumber String 2
        GLAccount String 10
        CostCenter String 10
        OrderID String 12
        WBSElement String 24
    """),
    "A_PurOrdAccountAssignment": _table("""
        AccountAssignmentNumber String 2
        GLAccount String 10
        CostCenter String 10
        OrderID String 12
        WBSElementExternalID String 24
    """),
    "A_PurchaseOrder": _table("""
        PurchaseOrder String 10
        CompanyCode String 4
        PurchaseOrderType String 4
        PurchasingDocumentDeletionCode String 1 readonly
        Supplier String 10
        SupplyingPlant String 4
        PurchasingOrganization String 4
        PurchasingGroup String 3
        DocumentCurrency String 5
        PurchaseOrderDate DateTime
        CorrespncExternalReference String 12
        CorrespncInternalReference String 12
    """),
    "A_PurchaseOrderItem": _table("""
        PurchaseOrder String 10
        PurchaseOrderItem String 5
        PurchasingDocumentDeletionCode String 1 readonly
        PurchaseOrderItemText String 40
        PurchaseOrderItemCategory String 1
        AccountAssignmentCategory String 1
        TaxCode String 2
        StorageLocation String 4
        Plant String 4
        Material String 40
        MaterialGroup String 9
        PurchasingInfoRecord String 10
        PurchaseContract String 10
        PurchaseContractItem String 5
        OrderQuantity Decimal 13.3
        PurchaseOrderQuantityUnit String 3
        OrderPriceUnit String 3
        DocumentCurrency String 5 readonly
        NetPriceAmount Decimal 12.3
        NetPriceQuantity Decimal 5.0
        PurchaseRequisition String 10
        PurchaseRequisitionItem String 5
        IsCompletelyDelivered Boolean
    """),
    "A_PurchaseOrderScheduleLine": _table("""
        PurchasingDocument String 10
        PurchasingDocumentItem String 5
        ScheduleLine String 4
        ScheduleLineDeliveryDate DateTime
        PurchaseOrderQuantityUnit String 3 readonly
        ScheduleLineOrderQuantity Decimal 13.3
        ScheduleLineCommittedQuantity Decimal 13.3
        PurchaseRequisition String 10
        PurchaseRequisitionItem String 5
    """),
    "A_POSubcontractingComponent": _table("""
        PurchaseOrder String 10
        PurchaseOrderItem String 5
        ScheduleLine String 4
        Material String 40
        RequiredQuantity Decimal 13.3 readonly
        RequirementDate DateTime
        QuantityInEntryUnit Decimal 13.3
        EntryUnit String 3
        Plant String 4
    """),
}

NAVIGATIONS = {
    "A_PurchaseRequisitionHeader": {"to_PurchaseReqnItem": "A_PurchaseRequisitionItem"},
    "A_PurchaseRequisitionItem": {"to_PurchaseReqnAcctAssgmt": "A_PurReqnAcctAssgmt"},
    "A_PurchaseOrder": {"to_PurchaseOrderItem": "A_PurchaseOrderItem"},
    "A_PurchaseOrderItem": {
        "to_ScheduleLine": "A_PurchaseOrderScheduleLine",
        "to_AccountAssignment": "A_PurOrdAccountAssignment",
    },
    "A_PurchaseOrderScheduleLine": {"to_SubcontractingComponent": "A_POSubcontractingComponent"},
}

DELETABLE = frozenset(
    {"A_PurchaseOrder", "A_PurchaseOrderItem", "A_PurchaseOrderScheduleLine", "A_POSubcontractingComponent"}
)
"""The requisition's sets are marked not deletable."""
