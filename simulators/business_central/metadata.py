"""What the API says of itself ($metadata): the entity sets and their properties, by Microsoft's lists of them."""

from collections.abc import Mapping, Sequence

STANDARD: Mapping[str, Sequence[str]] = {
    "companies": ("id", "name", "displayName"),
    "vendors": ("id", "number", "displayName", "currencyCode", "blocked", "lastModifiedDateTime"),
    "items": (
        *("id", "number", "displayName", "type", "itemCategoryCode", "blocked", "inventory", "unitCost"),
        *("baseUnitOfMeasureId", "baseUnitOfMeasureCode", "lastModifiedDateTime"),
    ),
    "unitsOfMeasure": ("id", "code", "displayName", "internationalStandardCode", "lastModifiedDateTime"),
    "locations": ("id", "code", "displayName", "lastModifiedDateTime"),
    "purchaseOrders": (
        *("id", "number", "orderDate", "postingDate", "vendorId", "vendorNumber", "vendorName", "currencyCode"),
        *("requestedReceiptDate", "fullyReceived", "status", "lastModifiedDateTime", "purchaseOrderLines"),
    ),
    "purchaseOrderLines": (
        *("id", "documentId", "sequence", "itemId", "lineType", "lineObjectNumber", "description", "description2"),
        *("unitOfMeasureCode", "quantity", "directUnitCost", "discountPercent", "expectedReceiptDate"),
        *("receivedQuantity", "invoicedQuantity", "receiveQuantity", "itemVariantId", "locationId"),
    ),
    "purchaseReceipts": (
        *("id", "number", "postingDate", "vendorNumber", "orderNumber", "lastModifiedDateTime"),
        "purchaseReceiptLines",
    ),
    "purchaseReceiptLines": (
        *("id", "documentId", "sequence", "lineType", "lineObjectNumber", "description", "description2"),
        *("unitOfMeasureCode", "unitCost", "quantity", "expectedReceiptDate"),
    ),
}
EXTENSION: Mapping[str, Sequence[str]] = {
    "purchaseOrders": (*STANDARD["purchaseOrders"], "externalReference"),
    "itemVendors": (
        *("itemNumber", "vendorNumber", "unitOfMeasureCode", "leadTimeCalculation", "minimumQuantity"),
        *("orderMultiple", "maximumQuantity", "directUnitCost", "currencyCode", "startingDate", "endingDate"),
    ),
}


def edmx(sets: Mapping[str, Sequence[str]]) -> str:
    """The description of these entity sets."""
    types = "".join(
        f'<EntityType Name="{name}"><Key><PropertyRef Name="{fields[0]}"/></Key>'
        + "".join(f'<Property Name="{field}" Type="Edm.String"/>' for field in fields)
        + "</EntityType>"
        for name, fields in sets.items()
    )
    container = "".join(f'<EntitySet Name="{name}" EntityType="Microsoft.NAV.{name}"/>' for name in sets)
    return (
        '<?xml version="1.0" encoding="utf-8"?><edmx:Edmx Version="4.0" '
        'xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
        f'<Schema Namespace="Microsoft.NAV" xmlns="http://docs.oasis-open.org/odata/ns/edm">{types}'
        f'<EntityContainer Name="NAV">{container}</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>'
    )
