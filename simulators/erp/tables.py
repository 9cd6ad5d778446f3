"""The field tables of the purchasing documents: names, types, lengths and flags as SAP publishes them.

Decided here: which of SAP's sets and fields the simulator has. Source: SAP's own metadata of
API_PURCHASEREQ_PROCESS_SRV and API_PURCHASEORDER_PROCESS_SRV; the services of master data are in master_tables. Not
decided here: what the fields do. How a line reads: fields.
"""

from simulators.erp.fields import EntitySet, Service, many, one, service, table
from simulators.erp.master_tables import BOMS, CONTRACTS, INFO_RECORDS, PARTNERS, PRODUCTS, SOURCES, STOCKS

REQUISITIONS = service(
    "API_PURCHASEREQ_PROCESS_SRV",
    table(
        "A_PurchaseRequisitionHeader",
        """
        PurchaseRequisition             S10 key upper
        PurchaseRequisitionType         S4 upper
        PurReqnDescription              S40
        SourceDetermination             Boolean
        PurReqnDoOnlyValidation         Boolean
        """,
        many("to_PurchaseReqnItem", "A_PurchaseRequisitionItem", "PurchaseRequisition"),
        writable=True,
    ),
    table(
        "A_PurchaseRequisitionItem",
        """
        PurchaseRequisition             S10 key upper
        PurchaseRequisitionItem         N5 key padded
        PurchasingDocument              S10 upper
        PurchasingDocumentItem          N5 padded
        PurReqnReleaseStatus            S2 upper
        PurchaseRequisitionType         S4 upper
        PurchasingDocumentSubtype       S1 upper ro
        PurchasingDocumentItemCategory  S1 upper
        PurchaseRequisitionItemText     S40
        AccountAssignmentCategory       S1 upper
        Material                        S40 upper
        MaterialGroup                   S9 upper
        PurchasingDocumentCategory      S1 upper ro
        RequestedQuantity               Q13.3 unit=BaseUnit
        BaseUnit                        S3
        PurchaseRequisitionPrice        A12.3 unit=PurReqnItemCurrency
        PurReqnPriceQuantity            D5.0 unit=BaseUnit
        MaterialGoodsReceiptDuration    D3.0
        PurchaseRequisitionReleaseDate  DateTime
        PurchasingOrganization          S4 upper
        PurchasingGroup                 S3 upper
        Plant                           S4 upper
        CompanyCode                     S4 upper
        SupplyingPlant                  S4 upper
        SourceOfSupplyIsAssigned        Boolean ro
        OrderedQuantity                 Q13.3 unit=BaseUnit
        DeliveryDate                    DateTime
        CreationDate                    DateTime ro
        ProcessingStatus                S1 upper
        PurchasingInfoRecord            S10 upper
        Supplier                        S10 upper
        IsDeleted                       S1 upper
        FixedSupplier                   S10 upper
        RequisitionerName               S12
        CreatedByUser                   S12 upper ro
        PurReqCreationDate              DateTime ro
        PurReqnItemCurrency             S5 upper
        MaterialPlannedDeliveryDurn     D3.0
        DelivDateCategory               S1 upper
        StorageLocation                 S4 upper
        PurchaseContract                S10 upper
        PurReqnOrigin                   S1 upper
        PurchaseContractItem            N5 padded
        IsPurReqnBlocked                S1 upper
        IsClosed                        Boolean
        ReleaseIsNotCompleted           Boolean
        ItemNetAmount                   A16.3 unit=PurReqnItemCurrency
        GoodsReceiptIsExpected          Boolean
        InvoiceIsExpected               Boolean
        RequirementTracking             S10 upper
        MRPController                   S3 upper
        PurchaseRequisitionIsFixed      Boolean
        LastChangeDateTime              DateTimeOffset ro
        PurReqnExternalReference        S35 upper
        PurReqnItemExternalReference    S10 upper
        PurReqnExternalSystemId         S60
        PurReqnExternalSystemType       S1 upper
        """,
        one("to_PurchaseReqn", "A_PurchaseRequisitionHeader", "PurchaseRequisition"),
        writable=True,
    ),
)

ORDERS = service(
    "API_PURCHASEORDER_PROCESS_SRV",
    table(
        "A_PurchaseOrder",
        """
        PurchaseOrder                   S10 key upper
        CompanyCode                     S4 upper
        PurchaseOrderType               S4 upper
        PurchasingDocumentDeletionCode  S1 upper ro
        PurchasingProcessingStatus      S2 upper ro
        CreatedByUser                   S12 upper ro
        CreationDate                    DateTime ro
        LastChangeDateTime              DateTimeOffset ro
        Supplier                        S10 upper
        PurchaseOrderSubtype            S1 upper ro
        Language                        S2
        PaymentTerms                    S4 upper
        PurchasingOrganization          S4 upper
        PurchasingDocumentOrigin        S1 upper ro
        PurchasingGroup                 S3 upper
        PurchaseOrderDate               DateTime
        DocumentCurrency                S5 upper
        ExchangeRate                    S12
        ExchangeRateIsFixed             Boolean
        ValidityStartDate               DateTime
        ValidityEndDate                 DateTime
        SupplierQuotationExternalID     S10 upper
        PurchasingCollectiveNumber      S10 upper
        SupplierRespSalesPersonName     S30
        SupplierPhoneNumber             S16
        SupplyingSupplier               S10 upper
        SupplyingPlant                  S4 upper
        IncotermsClassification         S3 upper
        CorrespncExternalReference      S12
        CorrespncInternalReference      S12
        InvoicingParty                  S10 upper
        ReleaseIsNotCompleted           Boolean ro
        PurchasingCompletenessStatus    Boolean
        IncotermsVersion                S4 upper
        IncotermsLocation1              S70
        AddressName                     S40
        """,
        many("to_PurchaseOrderItem", "A_PurchaseOrderItem", "PurchaseOrder"),
        writable=True,
        deletable=True,
    ),
    table(
        "A_PurchaseOrderItem",
        """
        PurchaseOrder                   S10 key upper
        PurchaseOrderItem               N5 key
        PurchasingDocumentDeletionCode  S1 upper ro
        PurchaseOrderItemText           S40
        Plant                           S4 upper
        StorageLocation                 S4 upper
        MaterialGroup                   S9 upper
        PurchasingInfoRecord            S10 upper
        SupplierMaterialNumber          S35 upper
        OrderQuantity                   Q13.3 unit=PurchaseOrderQuantityUnit
        PurchaseOrderQuantityUnit       S3
        OrderPriceUnit                  S3
        OrderPriceUnitToOrderUnitNmrtr  D5.0
        OrdPriceUnitToOrderUnitDnmntr   D5.0
        DocumentCurrency                S5 upper ro
        NetPriceAmount                  A12.3 unit=DocumentCurrency
        NetPriceQuantity                D5.0 unit=OrderPriceUnit
        TaxCode                         S2 upper
        ShippingInstruction             S2 upper
        OverdelivTolrtdLmtRatioInPct    D3.1
        UnlimitedOverdeliveryIsAllowed  Boolean
        UnderdelivTolrtdLmtRatioInPct   D3.1
        IsCompletelyDelivered           Boolean
        IsFinallyInvoiced               Boolean
        PurchaseOrderItemCategory       S1 upper
        AccountAssignmentCategory       S1 upper
        GoodsReceiptIsExpected          Boolean
        InvoiceIsExpected               Boolean
        InvoiceIsGoodsReceiptBased      Boolean
        PurchaseContract                S10 upper
        PurchaseContractItem            N5
        SupplierConfirmationControlKey  S4 upper
        PurchaseRequisition             S10 upper
        PurchaseRequisitionItem         N5
        IsReturnsItem                   Boolean
        RequisitionerName               S12
        Material                        S40 upper
        ManufacturerMaterial            S40 upper
        ProductType                     S2 upper
        """,
        one("to_PurchaseOrder", "A_PurchaseOrder", "PurchaseOrder"),
        many(
            "to_ScheduleLine",
            "A_PurchaseOrderScheduleLine",
            "PurchaseOrder=PurchasingDocument",
            "PurchaseOrderItem=PurchasingDocumentItem",
        ),
        writable=True,
        deletable=True,
    ),
    table(
        "A_PurchaseOrderScheduleLine",
        """
        PurchasingDocument              S10 key upper
        PurchasingDocumentItem          N5 key
        ScheduleLine                    N4 key
        DelivDateCategory               S1 upper
        ScheduleLineDeliveryDate        DateTime
        PurchaseOrderQuantityUnit       S3 ro
        ScheduleLineOrderQuantity       Q13.3 unit=PurchaseOrderQuantityUnit
        ScheduleLineDeliveryTime        Time
        SchedLineStscDeliveryDate       DateTime
        PurchaseRequisition             S10 upper
        PurchaseRequisitionItem         N5
        ScheduleLineCommittedQuantity   Q13.3 unit=PurchaseOrderQuantityUnit
        PerformancePeriodStartDate      DateTime
        PerformancePeriodEndDate        DateTime
        """,
        many(
            "to_SubcontractingComponent",
            "A_POSubcontractingComponent",
            "PurchasingDocument=PurchaseOrder",
            "PurchasingDocumentItem=PurchaseOrderItem",
            "ScheduleLine",
        ),
        writable=True,
        deletable=True,
    ),
    table(
        "A_POSubcontractingComponent",
        """
        PurchaseOrder                   S10 key upper
        PurchaseOrderItem               N5 key
        ScheduleLine                    N4 key
        ReservationItem                 N4 key ro
        RecordType                      S1 key upper ro
        Material                        S40 upper
        BOMItemDescription              S40 ro
        RequiredQuantity                Q13.3 unit=BaseUnit ro
        BaseUnit                        S3 ro
        RequirementDate                 DateTime
        QuantityInEntryUnit             Q13.3 unit=EntryUnit
        EntryUnit                       S3
        WithdrawnQuantity               Q13.3 unit=BaseUnit ro
        Plant                           S4 upper
        Batch                           S10 upper ro
        """,
        writable=True,
        deletable=True,
    ),
)

MATERIAL_DOCUMENTS = service(
    "API_MATERIAL_DOCUMENT_SRV",
    table(
        "A_MaterialDocumentItem",
        """
        MaterialDocumentYear            S4 key
        MaterialDocument                S10 key upper
        MaterialDocumentItem            N4 key
        Material                        S40 upper
        Plant                           S4 upper
        StorageLocation                 S4 upper
        GoodsMovementType               S3 upper
        PurchaseOrder                   S10 upper
        PurchaseOrderItem               N5
        GoodsMovementRefDocType         S1 upper
        MaterialBaseUnit                S3
        QuantityInBaseUnit              Q13.3 unit=MaterialBaseUnit
        EntryUnit                       S3
        QuantityInEntryUnit             Q13.3 unit=EntryUnit
        DebitCreditCode                 S1 upper
        """,
    ),
)
"""Read only here: goods are posted in the control room."""

SERVICES: dict[str, Service] = {
    each.name: each
    for each in (
        REQUISITIONS,
        ORDERS,
        MATERIAL_DOCUMENTS,
        INFO_RECORDS,
        SOURCES,
        CONTRACTS,
        PRODUCTS,
        PARTNERS,
        BOMS,
        STOCKS,
    )
}
SETS: dict[str, EntitySet] = {name: each for one_of in SERVICES.values() for name, each in one_of.sets.items()}
