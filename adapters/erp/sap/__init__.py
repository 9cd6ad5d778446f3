"""SAP S/4HANA by its OData V2 services: `SapErp` writes requisitions and orders, `SapMasterData` reads sources."""
