"""The fields and navigations of SAP's services that this adapter can't do without, by service and entity set.

A check of a system compares them with its $metadata; a test, with SAP's own. Reference fields are a plant's policy.
"""

from collections.abc import Collection, Mapping

from adapters.erp.sap.check import USED as USED_OF_V2
from adapters.erp.sap_v4.odata import CONFIRMATIONS, ORDERS, PRODUCTS, REQUISITIONS, ServiceName

Fields = Mapping[str, Collection[str]]

USED: Mapping[ServiceName, Fields] = {
    ORDERS: {
        "PurchaseOrder": (
            *("PurchaseOrder", "PurchaseOrderType", "CompanyCode", "PurchasingOrganization", "PurchasingGroup"),
            *("Supplier", "SupplyingPlant", "DocumentCurrency", "PurchaseOrderDate", "PurchaseOrderDeletionCode"),
            *("ReleaseIsNotCompleted", "PurchasingProcessingStatus", "LastChangeDateTime", "CreationDate"),
            *("CorrespncExternalReference", "CorrespncInternalReference", "_PurchaseOrderItem"),
        ),
        "PurchaseOrderItem": (
            *("PurchaseOrder", "PurchaseOrderItem", "PurchaseOrderItemText", "Plant", "StorageLocation", "Material"),
            *("MaterialGroup", "PurchaseOrderItemCategory", "OrderQuantity", "PurchaseOrderQuantityUnit"),
            *("RequirementTracking", "PurchasingInfoRecord", "PurchaseContract", "PurchaseContractItem"),
            *("OrderPriceUnit", "DocumentCurrency", "SupplierConfirmationControlKey", "NetPriceAmount"),
            *("NetPriceQuantity", "TaxCode", "AccountAssignmentCategory", "PurchaseRequisition"),
            *("PurchaseRequisitionItem", "IsCompletelyDelivered", "PurchasingDocumentDeletionCode"),
            *("PurgItemIsBlockedForDelivery", "_PurchaseOrderScheduleLineTP", "_PurOrdAccountAssignment"),
        ),
        "PurchaseOrderScheduleLine": (
            *("PurchaseOrder", "PurchaseOrderItem", "ScheduleLine", "ScheduleLineDeliveryDate"),
            *("ScheduleLineOrderQuantity", "PurchaseRequisition", "PurchaseRequisitionItem"),
            "_SubcontractingComponent",
        ),
        "POSubcontractingComponent": (
            *("PurchaseOrder", "PurchaseOrderItem", "ScheduleLine", "ReservationItem", "RecordType", "Material"),
            *("QuantityInEntryUnit", "EntryUnit", "RequirementDate", "Plant"),
        ),
        "PurchaseOrderAccountAssignment": (
            *("AccountAssignmentNumber", "GLAccount", "CostCenter", "OrderID", "WBSElementExternalID"),
        ),
    },
    REQUISITIONS: {
        "PurchaseReqn": (
            *("PurchaseRequisition", "PurchaseRequisitionType", "PurReqnDescription", "_PurchaseRequisitionItem"),
        ),
        "PurchaseReqnItem": (
            *("PurchaseRequisition", "PurchaseRequisitionItem", "PurchaseRequisitionItemText", "Material"),
            *("MaterialGroup", "RequestedQuantity", "BaseUnit", "PurchasingDocumentItemCategory", "DeliveryDate"),
            *("Plant", "StorageLocation", "CompanyCode", "PurchasingOrganization", "PurchasingGroup"),
            *("SupplyingPlant", "PurchaseRequisitionPrice", "PurReqnPriceQuantity", "PurReqnItemCurrency"),
            *("FixedSupplier", "PurchasingInfoRecord", "PurchaseContract", "PurchaseContractItem", "TaxCode"),
            *("AccountAssignmentCategory", "RequirementTracking", "PurReqnExternalReference"),
            *("PurReqnItemExternalReference", "PurReqnExternalSystemId", "IsDeleted", "IsClosed"),
            *("PurchasingDocument", "OrderedQuantity", "PurReqCreationDate", "_PurchaseReqnAcctAssgmt"),
        ),
        "PurchaseReqnAcctAssgmt": ("GLAccount", "CostCenter", "OrderID", "WBSElementExternalID"),
    },
    CONFIRMATIONS: {
        "Confirmation": (
            *("SupplierConfirmation", "SuplrConfRefPurchaseOrder", "SuplrConfExternalReference"),
            "_SupplierConfirmationItemTP",
        ),
        "ConfirmationItem": (
            *("SupplierConfirmation", "SupplierConfirmationItem", "SuplrConfRefPurchaseOrder"),
            *("SuplrConfRefPurchaseOrderItem", "ItemIsRejectedBySupplier", "_SupplierConfirmationLineTP"),
            "_SupplierConfirmationTP",
        ),
        "ConfirmationLine": (
            *("SupplierConfirmation", "SupplierConfirmationItem", "SupplierConfirmationLine", "DeliveryDate"),
            *("ConfirmedQuantity", "PurchaseOrderQuantityUnit"),
        ),
    },
    PRODUCTS: {
        "Product": (
            *("Product", "BaseUnit", "ProductGroup", "IsMarkedForDeletion"),
            *("_ProductDescription", "_ProductUnitOfMeasure"),
        ),
        "ProductDescription": ("Product", "Language", "ProductDescription"),
        "ProductUnitOfMeasure": ("Product", "AlternativeUnit", "QuantityNumerator", "QuantityDenominator"),
        "ProductPlant": (
            *("Product", "Plant", "IsMarkedForDeletion", "ProfileCode", "ProfileValidityStartDate"),
            *("_ProductPlantSupplyPlanning", "_ProductPlantProcurement"),
        ),
        "ProductPlantSupplyPlanning": (
            *("Product", "Plant", "GoodsReceiptDuration", "PlannedDeliveryDurationInDays", "LotSizeRoundingQuantity"),
        ),
        "ProductPlantProcurement": ("Product", "Plant", "IsSourceListRequired"),
    },
}
"""By V4 service."""

STILL_V2 = (
    "API_MATERIAL_DOCUMENT_SRV",
    "API_INFORECORD_PROCESS_SRV",
    "API_PURCHASING_SOURCE_SRV",
    "API_BUSINESS_PARTNER",
    "API_BILL_OF_MATERIAL_SRV;v=0002",
    "API_PURCHASECONTRACT_PROCESS_SRV",
)
"""What SAP has no V4 service of, by V2's names."""

USED_BY_V2: Mapping[str, Fields] = {name: USED_OF_V2[name] for name in STILL_V2}
