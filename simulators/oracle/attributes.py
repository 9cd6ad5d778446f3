"""The attributes of the resources, each with the page that it comes from.

`page` is a key of PAGES. The attribute pages of Oracle's guides are long; tables that others generated from Oracle's
own resource descriptions name the same attributes, and are given where that is what was read. UNSEEN: named in the
guides' prose or known from use, but not seen on an attribute page; `landscape check` compares them with a real
instance by the resource's describe.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

GUIDE = "docs.oracle.com/en/cloud/saas"
PAGES: Mapping[str, str] = {
    "draft": "connector table DraftPurchaseOrders (generated from the resource's description)",
    "draft-line": "connector table DraftPurchaseOrderslines",
    "draft-schedule": "connector table DraftPurchaseOrderslinesschedules",
    "order": "connector table PurchaseOrders",
    "order-line": "connector table PurchaseOrderslines",
    "order-schedule": "connector table PurchaseOrderslinesschedules",
    "cancel": f"{GUIDE}/procurement/24d/fapra/use_case_cancel_purchase_order_lines_and_schedules.html",
    "acknowledge": f"{GUIDE}/procurement/25c/fapra/op-purchaseorderacknowledgments-poheaderid-patch.html",
    "supply": f"{GUIDE}/readiness/scm/25d/mfg25d/25D-mfg-wn-f40589.htm",
    "supply-order": f"{GUIDE}/supply-chain-and-manufacturing/25d/oessc/getsupplyorderresponseline-d27976e92452.html",
    "buy-supply": "connector table SupplyRequestssupplyOrderLinesbuySupply",
    "supply-errors": f"{GUIDE}/supply-chain-and-manufacturing/24a/fasrp (supplyRequests … child errorMessages)",
    "receipt": f"{GUIDE}/supply-chain-and-manufacturing/25c/fasrp/use_case_Logistics_Receive_Shipped_Items.html",
    "receipt-line": f"{GUIDE}/supply-chain-and-manufacturing/25c/fasrp/op-receivingreceiptrequests-"
    "headerinterfaceid-child-lines-post.html",
    "item": "connector table ItemsV2",
    "asl": "connector table ProcurementApprovedSupplierListEntries",
    "asl-extract": f"{GUIDE}/procurement/24c/oadpr/PurchasingASLExtractPVO.html",
    "agreement-line": "connector table PurchaseAgreementImportRequestslines; fapra api-purchase-agreement-lines",
    "b2b": f"{GUIDE}/procurement facmm (Collaboration Messaging), 24b to 25c",
    "UNSEEN": "not seen on an attribute page",
}
Kind = Literal["text", "number", "integer", "boolean", "date", "moment", "children"]


@dataclass(frozen=True)
class Attribute:
    """One attribute: what it holds, whether a caller may write it, and where it is documented."""

    kind: Kind
    page: str
    writable: bool = False
    length: int = 0
    """The most characters of a text; 0: not stated."""


def _read(page: str, **kinds: Kind) -> dict[str, Attribute]:
    return {name: Attribute(kind, page) for name, kind in kinds.items()}


def _write(page: str, **kinds: Kind) -> dict[str, Attribute]:
    return {name: Attribute(kind, page, writable=True) for name, kind in kinds.items()}


_HEADER = {
    **_read("draft", POHeaderId="integer", OrderNumber="text", StatusCode="text", Status="text"),
    "Description": Attribute("text", "draft", writable=True, length=240),
    **_write("draft", ProcurementBU="text", RequisitioningBU="text", BuyerEmail="text", CurrencyCode="text"),
    **_write("draft", SupplierId="integer", SupplierSite="text"),
    **_read("draft", Supplier="text"),
    **_read("UNSEEN", SoldToLegalEntity="text", CreationDate="moment", LastUpdateDate="moment", LastUpdatedBy="text"),
}
_LINE = {
    **_read("draft-line", POLineId="integer"),
    **_write("draft-line", LineNumber="number", Item="text", Description="text", Quantity="number"),
    **_write("UNSEEN", UOMCode="text", Price="number"),
    "schedules": Attribute("children", "draft-schedule", writable=True),
}
_SCHEDULE = {
    **_read("draft-schedule", LineLocationId="integer"),
    **_write("draft-schedule", ScheduleNumber="number", Quantity="number", ShipToOrganizationCode="text"),
    **_write("draft-schedule", DestinationTypeCode="text"),
    **_write("UNSEEN", RequestedDeliveryDate="date", PromisedDeliveryDate="date"),
    **_read("UNSEEN", ReceivedQuantity="number"),
    **_read("order-schedule", StatusCode="text"),
}
_CANCELLING = _write("cancel", CancelFlag="boolean", CancelReason="text", CancelUnfulfilledDemandFlag="text")

ATTRIBUTES: Mapping[str, Mapping[str, Attribute]] = {
    "draftPurchaseOrders": {
        **_HEADER,
        **_write("cancel", ChangeOrderDescription="text", ChangeOrderInitiatingParty="text"),
        **_read("UNSEEN", ChangeOrderNumber="text", RejectionReason="text"),
        "lines": Attribute("children", "draft-line", writable=True),
    },
    "draftPurchaseOrders.lines": {**_LINE, **_CANCELLING},
    "draftPurchaseOrders.lines.schedules": {
        **_SCHEDULE,
        **_CANCELLING,
        "distributions": Attribute("children", "draft-schedule", writable=True),
    },
    "draftPurchaseOrders.lines.schedules.distributions": _write(
        "draft-schedule", DistributionNumber="number", Quantity="number"
    ),
    "purchaseOrders": {
        **_HEADER,
        **_read("order", Revision="number"),
        "lines": Attribute("children", "order-line"),
    },
    "purchaseOrders.lines": {**_LINE, **_read("order-line", Item="text"), **_read("UNSEEN", StatusCode="text")},
    "purchaseOrders.lines.schedules": _SCHEDULE,
    "purchaseOrderAcknowledgments": {
        **_write("acknowledge", AcknowledgmentResponse="text"),
        "AcknowledgmentNote": Attribute("text", "acknowledge", writable=True, length=4000),
        "SupplierOrder": Attribute("text", "acknowledge", writable=True, length=25),
    },
    "purchaseRequisitions": {
        **_read("UNSEEN", RequisitionHeaderId="integer", Requisition="text", DocumentStatus="text"),
        "lines": Attribute("children", "UNSEEN"),
    },
    "purchaseRequisitions.lines": _read(
        "UNSEEN", RequisitionLineId="integer", LineNumber="number", LineStatus="text", PurchaseOrder="text"
    ),
    "supplyRequests": {
        **_write("supply", InterfaceSourceCode="text", InterfaceBatchNumber="text", SupplyRequestStatus="text"),
        **_write("supply", SupplyRequestDate="moment", SupplyOrderSource="text", SupplyOrderReferenceNumber="text"),
        **_write("supply", SupplyOrderReferenceId="integer", ProcessRequestFlag="text"),
        "supplyRequestLines": Attribute("children", "supply", writable=True),
        "supplyOrderLines": Attribute("children", "buy-supply"),
    },
    "supplyRequests.supplyRequestLines": {
        **_write("supply", InterfaceBatchNumber="text", SupplyOrderReferenceLineNumber="text"),
        **_write("supply", SupplyOrderReferenceLineId="integer", SourceOrganizationCode="text"),
        **_write("supply", DestinationOrganizationCode="text", ItemNumber="text", InterfaceSourceCode="text"),
        **_write("supply", SupplyOrderSource="text", NeedByDate="moment", Quantity="number", UOMCode="text"),
        **_write("supply", PreparerEmail="text", DeliverToRequesterEmail="text", SupplyType="text"),
        **_write("supply-order", SuggestedVendorId="integer"),
        "errorMessages": Attribute("children", "supply-errors"),
    },
    "supplyRequests.supplyRequestLines.errorMessages": _read("UNSEEN", MessageName="text", MessageText="text"),
    "supplyRequests.supplyOrderLines": {
        **_read("buy-supply", SupplyLineId="integer"),
        "buySupply": Attribute("children", "buy-supply"),
        "transferSupply": Attribute("children", "buy-supply"),
    },
    "supplyRequests.supplyOrderLines.buySupply": {
        **_read("buy-supply", SupplyTrackingLineId="integer", SupplyTrackingLineStatus="text", Quantity="number"),
        **_read("buy-supply", SupplyOrderReferenceLineNumber="text", SupplyChangePendingFlag="boolean"),
        **_read("supply-order", PurchaseOrderNumber="text", PurchaseOrderLineNumber="text"),
        **_read("supply-order", RequisitionNumber="text", RequisitionLineNumber="text"),
    },
    "supplyRequests.supplyOrderLines.transferSupply": {
        **_read("buy-supply", SupplyTrackingLineId="integer", SupplyTrackingLineStatus="text", Quantity="number"),
        **_read("buy-supply", SupplyOrderReferenceLineNumber="text"),
        **_read("UNSEEN", TransferOrderNumber="text", TransferOrderLineNumber="text"),
    },
    "receivingReceiptRequests": {
        **_read("receipt-line", HeaderInterfaceId="integer"),
        **_write("UNSEEN", ReceiptSourceCode="text", OrganizationCode="text", ReceiptNumber="text"),
        "lines": Attribute("children", "receipt-line", writable=True),
    },
    "receivingReceiptRequests.lines": {
        **_read("receipt-line", InterfaceTransactionId="integer"),
        **_write("UNSEEN", ReceiptSourceCode="text", SourceDocumentCode="text", TransactionType="text"),
        **_write("UNSEEN", AutoTransactCode="text", OrganizationCode="text", DocumentNumber="text"),
        **_write("UNSEEN", DocumentLineNumber="number", DocumentScheduleNumber="number", ItemNumber="text"),
        **_write("UNSEEN", Quantity="number", UOMCode="text", TransactionDate="moment"),
        "processingErrors": Attribute("children", "receipt-line"),
    },
    "receivingReceiptRequests.lines.processingErrors": _read("UNSEEN", ErrorMessageName="text", ErrorMessage="text"),
    "itemsV2": {
        **_read("item", ItemId="integer", OrganizationCode="text", ItemNumber="text", ItemDescription="text"),
        **_read("item", ItemStatusValue="text", ItemClass="text"),
        **_read("UNSEEN", PrimaryUOMValue="text", PurchasableFlag="boolean", PostProcessingDays="number"),
        **_read("UNSEEN", ProcessingDays="number"),
    },
    "inventoryOrganizations": _read("UNSEEN", OrganizationCode="text", OrganizationName="text"),
    "suppliers": _read("UNSEEN", SupplierId="integer", SupplierNumber="text", Supplier="text", InactiveDate="date"),
    "procurementApprovedSupplierListEntries": {
        **_read("asl", AslId="integer", ProcurementBU="text", AslScopeCode="text", ShipToOrganization="text"),
        **_read("asl", Item="text", Supplier="text", SupplierId="integer", SupplierSite="text"),
        **_read("asl-extract", DisableFlag="boolean", FixedLotMultiple="number"),
        **_read("UNSEEN", Status="text", MinimumOrderQuantity="number", PurchasingUOM="text"),
    },
    "purchaseAgreementLines": {
        **_read("agreement-line", AgreementLineId="integer", LineNumber="number", Item="text", UOM="text"),
        **_read("agreement-line", UOMCode="text", Price="number"),
        **_read("UNSEEN", AgreementNumber="text", ProcurementBU="text", SupplierId="integer", SupplierSite="text"),
        **_read("UNSEEN", CurrencyCode="text", StartDate="date", EndDate="date", ExpirationDate="date"),
        **_read("UNSEEN", StatusCode="text"),
    },
}
"""By the resource, or its path of children."""
