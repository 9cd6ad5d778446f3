"""Our documents in SAP's fields. Pure: no I/O.

Decided here: which fields of API_PURCHASEREQ_PROCESS_SRV and API_PURCHASEORDER_PROCESS_SRV are written, and how a
document is found again: requisition items and orders by the document's reference; each requisition item names its
requirement. A transfer is a stock transport order of the supplying plant, without supplier, price, tax and account
assignment; for a subcontract, each schedule line has the components given to the supplier. Not decided here: document
types, item categories, fields of reference and what else is customizing in SAP (canonical.policy.ErpDocuments).
"""

from collections.abc import Mapping
from decimal import ROUND_UP, Decimal
from types import MappingProxyType
from typing import Any

from adapters.erp.sap.units import Units
from adapters.erp.sap.values import (
    write_code,
    write_date,
    write_number,
    write_price,
    write_quantity,
    write_text,
)
from canonical.order import ComponentLine, DocumentLine, OrderDocument
from canonical.policy import ErpDocuments, RouteKind

Body = dict[str, Any]

STANDARD = ErpDocuments()
_FINEST = Decimal("0.001")
_ORDER_NUMBER = 10
"""Characters of an order number."""
_OF_ORDERS: Mapping[str, str] = MappingProxyType(
    {
        "gl_account": "GLAccount",
        "cost_center": "CostCenter",
        "internal_order": "OrderID",
        "wbs_element": "WBSElementExternalID",
    }
)
_OF_REQUISITIONS: Mapping[str, str] = MappingProxyType({**_OF_ORDERS, "wbs_element": "WBSElement"})


def item_number(line: int) -> str:
    """The key of an item: five digits."""
    return write_number(line, 5, "PurchaseOrderItem")


def schedule_number(number: int) -> str:
    """The key of a schedule line: four digits."""
    return write_number(number, 4, "ScheduleLine")


def first_sent(document: OrderDocument) -> str:
    """RepeatabilityCreation: the same on every attempt, whatever the time."""
    return f"{document.order_date.isoformat()}T00:00:00"


def order_number(document: OrderDocument, rules: ErpDocuments) -> str:
    """The number that the order is to have; empty: SAP numbers it."""
    if not rules.order_number_prefix:
        return ""
    return rules.order_number_prefix + document.reference[len(rules.order_number_prefix) - _ORDER_NUMBER :]


def requisition_body(document: OrderDocument, units: Units, rules: ErpDocuments = STANDARD) -> Body:
    """The deep insert of one requisition, an item per line. Raises UnknownUnit or DoesNotFit."""
    return {
        "PurchaseRequisitionType": rules.requisition_type,
        "PurReqnDescription": write_text(f"Pegline {document.reference}", 40),
        "to_PurchaseReqnItem": {
            "results": [_requisition_item(document, line, units, rules) for line in document.lines]
        },
    }


def _requisition_item(document: OrderDocument, line: DocumentLine, units: Units, rules: ErpDocuments) -> Body:
    item = {
        "PurchaseRequisitionItem": item_number(line.line),
        "PurchaseRequisitionType": rules.requisition_type,
        "PurchaseRequisitionItemText": write_text(line.description or line.item, 40),
        "Material": write_code(line.item, 40, "Material"),
        "MaterialGroup": write_code(line.material_group, 9, "MaterialGroup"),
        "RequestedQuantity": write_quantity(line.quantity, "RequestedQuantity"),
        "BaseUnit": units.to_sap(line.unit),
        "PurchasingDocumentItemCategory": rules.item_categories.get(document.route, ""),
        "DeliveryDate": write_date(line.delivery_date),
        "Plant": write_code(document.plant, 4, "Plant"),
        "StorageLocation": rules.storage_location,
        "CompanyCode": write_code(document.company_code, 4, "CompanyCode"),
        "PurchasingOrganization": write_code(document.purchasing_organization, 4, "PurchasingOrganization"),
        "PurchasingGroup": write_code(document.purchasing_group, 3, "PurchasingGroup"),
        **_required_of(document, line),
        **_borne(document, rules, "to_PurchaseReqnAcctAssgmt", "PurchaseReqnAcctAssgmtNumber", _OF_REQUISITIONS),
        "RequirementTracking": write_code(line.requirement_reference, 10, "RequirementTracking"),
        rules.requisition_reference_field: write_code(document.reference, 35, rules.requisition_reference_field),
        "PurReqnItemExternalReference": write_code(line.requirement_reference, 10, "PurReqnItemExternalReference"),
    }
    return _without_empty(item)


def _borne(
    document: OrderDocument, rules: ErpDocuments, navigation: str, number: str, fields: Mapping[str, str]
) -> Body:
    """Tax and account assignment of an item that is bought; all of it on one account."""
    if document.route is RouteKind.TRANSFER:
        return {}
    bearer = rules.account_assignment
    assigned = {sap: value for ours, sap in fields.items() if (value := getattr(bearer, ours))}
    return {
        "TaxCode": rules.tax_code,
        "AccountAssignmentCategory": bearer.category,
        **({navigation: {"results": [{number: "01", **assigned}]}} if bearer.category and assigned else {}),
    }


def _required_of(document: OrderDocument, line: DocumentLine) -> Body:
    if document.route is RouteKind.TRANSFER:
        return {"SupplyingPlant": write_code(document.supplier, 4, "SupplyingPlant")}
    price, per = write_price(line.price, line.price_unit, "PurchaseRequisitionPrice")
    return {
        "PurchaseRequisitionPrice": price,
        "PurReqnPriceQuantity": per,
        "PurReqnItemCurrency": write_code(document.currency, 5, "PurReqnItemCurrency"),
        "FixedSupplier": write_code(document.supplier, 10, "FixedSupplier"),
        **_source_of_supply(line),
    }


def _source_of_supply(line: DocumentLine) -> Body:
    """The outline agreement that the line calls off, else its info record."""
    if line.agreement is None:
        return {"PurchasingInfoRecord": write_code(line.info_record or "", 10, "PurchasingInfoRecord")}
    return {
        "PurchaseContract": write_code(line.agreement.number, 10, "PurchaseContract"),
        "PurchaseContractItem": item_number(line.agreement.item),
    }


def order_body(document: OrderDocument, requisition: str, units: Units, rules: ErpDocuments = STANDARD) -> Body:
    """The deep insert of the order that a requisition is converted into. Raises UnknownUnit or DoesNotFit."""
    number = order_number(document, rules)
    return {
        **({"PurchaseOrder": number} if number else {}),
        "PurchaseOrderType": rules.transfer_type if document.route is RouteKind.TRANSFER else rules.order_type,
        "CompanyCode": write_code(document.company_code, 4, "CompanyCode"),
        "PurchasingOrganization": write_code(document.purchasing_organization, 4, "PurchasingOrganization"),
        "PurchasingGroup": write_code(document.purchasing_group, 3, "PurchasingGroup"),
        **_ordered_of(document),
        "PurchaseOrderDate": write_date(document.order_date),
        rules.order_reference_field: write_code(document.reference, 12, rules.order_reference_field),
        "to_PurchaseOrderItem": {
            "results": [_order_item(document, line, requisition, units, rules) for line in document.lines]
        },
    }


def _ordered_of(document: OrderDocument) -> Body:
    if document.route is RouteKind.TRANSFER:
        return {"SupplyingPlant": write_code(document.supplier, 4, "SupplyingPlant")}
    return {
        "Supplier": write_code(document.supplier, 10, "Supplier"),
        "DocumentCurrency": write_code(document.currency, 5, "DocumentCurrency"),
    }


def _order_item(
    document: OrderDocument, line: DocumentLine, requisition: str, units: Units, rules: ErpDocuments
) -> Body:
    unit = units.to_sap(line.unit)
    quantity = write_quantity(line.quantity, "OrderQuantity")
    origin = {"PurchaseRequisition": requisition, "PurchaseRequisitionItem": item_number(line.line)}
    item = {
        "PurchaseOrderItem": item_number(line.line),
        "PurchaseOrderItemText": write_text(line.description or line.item, 40),
        "Plant": write_code(document.plant, 4, "Plant"),
        "StorageLocation": rules.storage_location,
        "Material": write_code(line.item, 40, "Material"),
        "MaterialGroup": write_code(line.material_group, 9, "MaterialGroup"),
        "PurchaseOrderItemCategory": rules.item_categories.get(document.route, ""),
        "OrderQuantity": quantity,
        "PurchaseOrderQuantityUnit": unit,
        **({} if document.route is RouteKind.TRANSFER else _priced(line, unit)),
        **_borne(document, rules, "to_AccountAssignment", "AccountAssignmentNumber", _OF_ORDERS),
        **origin,
        "to_ScheduleLine": {
            "results": [
                {
                    "ScheduleLine": schedule_number(1),
                    "ScheduleLineDeliveryDate": write_date(line.delivery_date),
                    "ScheduleLineOrderQuantity": quantity,
                    **origin,
                    **_provided(document, line, units),
                }
            ]
        },
    }
    return _without_empty(item)


def _priced(line: DocumentLine, unit: str) -> Body:
    return {
        **_source_of_supply(line),
        "OrderPriceUnit": unit,
        **price_body(line.price, line.price_unit),
    }


def price_body(price: Decimal, price_unit: Decimal) -> Body:
    """The price of an order item. Raises DoesNotFit."""
    amount, per = write_price(price, price_unit, "NetPriceAmount")
    return {"NetPriceAmount": amount, "NetPriceQuantity": per}


def _provided(document: OrderDocument, line: DocumentLine, units: Units) -> Body:
    if document.route is not RouteKind.SUBCONTRACT or not line.components:
        return {}  # without, SAP takes those of its bill of materials
    bodies = [{"Plant": document.plant, **component_body(one, units)} for one in line.components]
    return {"to_SubcontractingComponent": {"results": bodies}}


def component_body(component: ComponentLine, units: Units) -> Body:
    """The component given to a subcontractor, rounded up to SAP's decimals. Raises UnknownUnit or DoesNotFit."""
    return {
        "Material": write_code(component.item, 40, "Material"),
        "QuantityInEntryUnit": write_quantity(given(component), "QuantityInEntryUnit"),
        "EntryUnit": units.to_sap(component.unit),
        "RequirementDate": write_date(component.date),
    }


def given(component: ComponentLine) -> Decimal:
    """The quantity in three decimals; never less than needed."""
    return component.quantity.quantize(_FINEST, ROUND_UP)


def _without_empty(body: Body) -> Body:
    """Leave out unknown values, so that SAP uses its own defaults."""
    return {name: value for name, value in body.items() if value != ""}
