"""The field tables of the services that show master data: names, types and lengths as SAP publishes them.

Decided here: which of SAP's sets and fields the simulator has, all read only. Source: the published descriptions of the
product, info record, source list, supplier and bill of material services. How a line reads: fields.
"""

from simulators.erp.fields import many, one, service, table

INFO_RECORDS = service(
    "API_INFORECORD_PROCESS_SRV",
    table(
        "A_PurchasingInfoRecord",
        """
        PurchasingInfoRecord            S10 key upper
        Supplier                        S10 upper
        Material                        S40 upper
        MaterialGroup                   S9 upper
        IsDeleted                       Boolean
        PurgDocOrderQuantityUnit        S3
        OrderItemQtyToBaseQtyNmrtr      D5.0
        OrderItemQtyToBaseQtyDnmntr     D5.0
        SupplierMaterialNumber          S35 upper
        BaseUnit                        S3
        AvailabilityStartDate           DateTime
        AvailabilityEndDate             DateTime
        IsRegularSupplier               Boolean
        """,
        many("to_PurgInfoRecdOrgPlantData", "A_PurgInfoRecdOrgPlantData", "PurchasingInfoRecord"),
    ),
    table(
        "A_PurgInfoRecdOrgPlantData",
        """
        PurchasingInfoRecord            S10 key upper
        PurchasingInfoRecordCategory    S1 key upper
        PurchasingOrganization          S4 key upper
        Plant                           S4 key upper
        IsMarkedForDeletion             Boolean
        PurchasingGroup                 S3 upper
        Currency                        S5 upper
        MinimumPurchaseOrderQuantity    Q13.3 unit=PurgDocOrderQuantityUnit
        StandardPurchaseOrderQuantity   Q13.3 unit=PurgDocOrderQuantityUnit
        MaximumOrderQuantity            Q13.3 unit=PurgDocOrderQuantityUnit
        MaterialPlannedDeliveryDurn     D3.0
        Material                        S40 upper
        Supplier                        S10 upper
        MaterialGroup                   S9 upper
        PurgDocOrderQuantityUnit        S3
        NetPriceAmount                  A12.3 unit=Currency
        MaterialPriceUnitQty            D5.0 unit=PurchaseOrderPriceUnit
        PurchaseOrderPriceUnit          S3
        PriceValidityEndDate            DateTime
        IsRelevantForAutomSrcg          S1 upper
        YY1_OrderMultiple_PIR           Q13.3 unit=PurgDocOrderQuantityUnit extension
        """,
        one("to_PurgInfoRecd", "A_PurchasingInfoRecord", "PurchasingInfoRecord"),
        many(
            "to_PurInfoRecdPrcgCndnValidity",
            "A_PurInfoRecdPrcgCndnValidity",
            "PurchasingInfoRecord",
            "PurchasingInfoRecordCategory",
            "PurchasingOrganization",
            "Plant",
        ),
    ),
    table(
        "A_PurInfoRecdPrcgCndnValidity",
        """
        ConditionRecord                 S10 key upper
        ConditionValidityEndDate        DateTime key
        ConditionValidityStartDate      DateTime
        ConditionApplication            S2 upper
        ConditionType                   S4 upper
        PurchasingOrganization          S4 upper
        PurchasingInfoRecordCategory    S1 upper
        PurchasingInfoRecord            S10 upper
        Supplier                        S10 upper
        Material                        S40 upper
        Plant                           S4 upper
        """,
        one("to_PurInfoRecdPrcgCndn", "A_PurInfoRecdPrcgCndn", "ConditionRecord"),
    ),
    table(
        "A_PurInfoRecdPrcgCndn",
        """
        ConditionRecord                 S10 key upper
        ConditionSequentialNumber       S2
        ConditionType                   S4 upper
        ConditionValidityStartDate      DateTime
        ConditionValidityEndDate        DateTime
        PricingScaleType                S1 upper
        PricingScaleBasis               S3 upper
        ConditionCalculationType        S3 upper
        ConditionRateValue              A24.9 unit=ConditionRateValueUnit
        ConditionRateValueUnit          S5 upper
        ConditionQuantity               D5.0 unit=ConditionQuantityUnit
        ConditionQuantityUnit           S3
        ConditionIsDeleted              Boolean
        """,
        many("to_PurgInfoPricingCndnRecdScale", "A_PurInfoRecdPrcgCndnScale", "ConditionRecord"),
    ),
    table(
        "A_PurInfoRecdPrcgCndnScale",
        """
        ConditionRecord                 S10 key upper
        ConditionSequentialNumber       S2 key
        ConditionScaleLine              S4 key
        ConditionScaleQuantity          Q15.3 unit=ConditionScaleQuantityUnit
        ConditionScaleQuantityUnit      S3
        ConditionRateValue              A24.9 unit=ConditionRateValueUnit
        ConditionRateValueUnit          S5 upper
        ConditionScaleIsDeleted         Boolean
        """,
    ),
)

SOURCES = service(
    "API_PURCHASING_SOURCE_SRV",
    table(
        "A_PurchasingSource",
        """
        Material                        S40 key upper
        Plant                           S4 key upper
        SourceListRecord                N5 key padded
        ValidityStartDate               DateTime
        ValidityEndDate                 DateTime
        Supplier                        S10 upper
        PurchasingOrganization          S4 upper
        SupplierIsFixed                 Boolean
        PurchaseOutlineAgreement        S10 upper
        PurchaseOutlineAgreementItem    N5 padded
        PurOutlineAgreementIsFixed      Boolean
        SourceOfSupplyIsFixed           Boolean
        SourceOfSupplyIsBlocked         Boolean
        MRPSourcingControl              S1 upper
        OrderQuantityUnit               S3
        """,
    ),
)

PRODUCTS = service(
    "API_PRODUCT_SRV",
    table(
        "A_Product",
        """
        Product                         S40 key upper
        ProductType                     S4 upper
        IsMarkedForDeletion             Boolean
        ProductGroup                    S9 upper
        BaseUnit                        S3
        """,
        many("to_Description", "A_ProductDescription", "Product"),
        many("to_Plant", "A_ProductPlant", "Product"),
        many("to_ProductUnitsOfMeasure", "A_ProductUnitsOfMeasure", "Product"),
    ),
    table(
        "A_ProductUnitsOfMeasure",
        """
        Product                         S40 key upper
        AlternativeUnit                 S3 key
        QuantityNumerator               D5.0 unit=BaseUnit
        QuantityDenominator             D5.0 unit=AlternativeUnit
        BaseUnit                        S3
        """,
    ),
    table(
        "A_ProductDescription",
        """
        Product                         S40 key upper
        Language                        S2 key
        ProductDescription              S40
        """,
    ),
    table(
        "A_ProductPlant",
        """
        Product                         S40 key upper
        Plant                           S4 key upper
        PurchasingGroup                 S3 upper
        ProfileCode                     S2 upper
        ProfileValidityStartDate        DateTime
        GoodsReceiptDuration            D3.0
        IsMarkedForDeletion             Boolean
        MRPType                         S2 upper
        ABCIndicator                    S1 upper
        MRPResponsible                  S3 upper
        MinimumLotSizeQuantity          Q13.3 unit=BaseUnit
        MaximumLotSizeQuantity          Q13.3 unit=BaseUnit
        FixedLotSizeQuantity            Q13.3 unit=BaseUnit
        ProcurementType                 S1 upper
        BaseUnit                        S3
        """,
        one("to_ProductSupplyPlanning", "A_ProductSupplyPlanning", "Product", "Plant"),
        one("to_ProductPlantProcurement", "A_ProductPlantProcurement", "Product", "Plant"),
    ),
    table(
        "A_ProductSupplyPlanning",
        """
        Product                         S40 key upper
        Plant                           S4 key upper
        FixedLotSizeQuantity            Q13.3 unit=BaseUnit
        MaximumLotSizeQuantity          Q13.3 unit=BaseUnit
        MinimumLotSizeQuantity          Q13.3 unit=BaseUnit
        LotSizeRoundingQuantity         Q13.3 unit=BaseUnit
        LotSizingProcedure              S2 upper
        MRPType                         S2 upper
        MRPResponsible                  S3 upper
        SafetyStockQuantity             Q13.3 unit=BaseUnit
        PlannedDeliveryDurationInDays   D3.0
        ProcurementType                 S1 upper
        GoodsReceiptDuration            D3.0
        BaseUnit                        S3
        """,
    ),
    table(
        "A_ProductPlantProcurement",
        """
        Product                         S40 key upper
        Plant                           S4 key upper
        IsAutoPurOrdCreationAllowed     Boolean
        IsSourceListRequired            Boolean
        SourceOfSupplyCategory          S1 upper
        """,
    ),
)

PARTNERS = service(
    "API_BUSINESS_PARTNER",
    table(
        "A_Supplier",
        """
        Supplier                        S10 key upper
        SupplierName                    S80
        SupplierAccountGroup            S4 upper
        DeletionIndicator               Boolean
        PurchasingIsBlocked             Boolean
        """,
    ),
)

CONTRACTS = service(
    "API_PURCHASECONTRACT_PROCESS_SRV",
    table(
        "A_PurchaseContract",
        """
        PurchaseContract                S10 key upper
        PurchaseContractType            S4 upper
        CompanyCode                     S4 upper
        PurchasingDocumentDeletionCode  S1 upper
        Supplier                        S10 upper
        PurchasingOrganization          S4 upper
        DocumentCurrency                S5 upper
        ValidityStartDate               DateTime
        ValidityEndDate                 DateTime
        PurchaseContractTargetAmount    A15.3 unit=DocumentCurrency
        """,
        many("to_PurchaseContractItem", "A_PurchaseContractItem", "PurchaseContract"),
    ),
    table(
        "A_PurchaseContractItem",
        """
        PurchaseContract                S10 key upper
        PurchaseContractItem            N5 key
        PurchasingContractDeletionCode  S1 upper
        Plant                           S4 upper
        Material                        S40 upper
        OrderQuantityUnit               S3
        TargetQuantity                  Q13.3 unit=OrderQuantityUnit
        OrderPriceUnit                  S3
        ContractNetPriceAmount          A12.3 unit=DocumentCurrency
        NetPriceQuantity                D5.0 unit=OrderQuantityUnit
        DocumentCurrency                S5 upper
        PlannedDeliveryDurationInDays   D3.0
        """,
    ),
)
"""Outline agreements; what orders have called off is read from the orders."""

BOMS = service(
    "API_BILL_OF_MATERIAL_SRV",
    table(
        "MaterialBOM",
        """
        BillOfMaterial                  S8 key upper
        BillOfMaterialCategory          S1 key upper
        BillOfMaterialVariant           S2 key
        BillOfMaterialVersion           S4 key
        EngineeringChangeDocument       S12 key upper
        Material                        S40 key upper
        Plant                           S4 key upper
        BillOfMaterialVariantUsage      S1 upper
        BOMHeaderBaseUnit               S3
        BOMHeaderQuantityInBaseUnit     Q13.3 unit=BOMHeaderBaseUnit
        HeaderValidityStartDate         DateTime
        HeaderValidityEndDate           DateTime
        IsMarkedForDeletion             Boolean
        """,
        many(
            "to_BillOfMaterialItem",
            "MaterialBOMItem",
            "BillOfMaterial",
            "BillOfMaterialCategory",
            "BillOfMaterialVariant",
            "BillOfMaterialVersion",
            "Material",
            "Plant",
        ),
    ),
    table(
        "MaterialBOMItem",
        """
        BillOfMaterial                  S8 key upper
        BillOfMaterialCategory          S1 key upper
        BillOfMaterialVariant           S2 key
        BillOfMaterialVersion           S4 key
        BillOfMaterialItemNodeNumber    N8 key padded
        HeaderChangeDocument            S12 key upper
        Material                        S40 key upper
        Plant                           S4 key upper
        ValidityStartDate               DateTime
        ValidityEndDate                 DateTime
        BillOfMaterialItemNumber        S4
        BillOfMaterialItemCategory      S1 upper
        BillOfMaterialComponent         S40 upper
        BillOfMaterialItemQuantity      Q13.3 unit=BillOfMaterialItemUnit
        BillOfMaterialItemUnit          S3
        FixedQuantity                   Boolean
        ComponentScrapInPercent         D5.2
        IsDeleted                       Boolean
        """,
    ),
)
"""The bill of materials of a material at a plant, usage 1; a subcontractor is given what is on it."""

STOCKS = service(
    "API_MATERIAL_STOCK_SRV",
    table(
        "A_MaterialStock",
        """
        Material                        S40 key upper
        MaterialBaseUnit                S3
        """,
        many("to_MatlStkInAcctMod", "A_MatlStkInAcctMod", "Material"),
    ),
    table(
        "A_MatlStkInAcctMod",
        """
        Material                        S40 key upper
        Plant                           S4 key upper
        StorageLocation                 S4 key upper
        Batch                           S10 key upper
        Supplier                        S10 key upper
        Customer                        S10 key upper
        WBSElementInternalID            S8 key
        SDDocument                      S10 key upper
        SDDocumentItem                  S6 key
        InventorySpecialStockType       S1 key upper
        InventoryStockType              S2 key upper
        WBSElementExternalID            S24 upper
        MaterialBaseUnit                S3
        MatlWrhsStkQtyInMatlBaseUnit    Q31.14 unit=MaterialBaseUnit
        """,
    ),
)
"""Only materials of which a stock was posted have rows."""
