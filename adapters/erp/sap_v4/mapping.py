"""Our documents in the fields of SAP's OData V4 services. Pure: no I/O.

Decided here: which fields of API_PURCHASEREQUISITION_2 and API_PURCHASEORDER_2 are written. Items and schedule lines
can't be inserted by themselves: they go into their head's deep insert, or through its navigation. How a document is
found again, and what is customizing (canonical.policy.ErpDocuments), is as for V2 (adapters.erp.sap.mapping).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from adapters.erp.sap.mapping import given, order_number
from adapters.erp.sap.units import Units
from adapters.erp.sap.values import write_code, write_text
from adapters.erp.sap_v4.values import number, price
from canonical.order import ComponentLine, DocumentLine, OrderDocument
from canonical.policy import ErpDocuments, RouteKind

Body = dict[str, Any]

ITEMS, SCHEDULE, COMPONENTS = "_PurchaseOrderItem", "_PurchaseOrderScheduleLineTP", "_SubcontractingComponent"
ACCOUNTS = "_PurOrdAccountAssignment"
REQUISITION_ITEMS, REQUISITION_ACCOUNTS = "_PurchaseRequisitionItem", "_PurchaseReqnAcctAssgmt"
_ACCOUNT_FIELDS: Mapping[str, str] = {
    "gl_account": "GLAccount",
    "cost_center": "CostCenter",
    "internal_order": "OrderID",
    "wbs_element": "WBSElementExternalID",
}


def requisition_body(document: OrderDocument, units: Units, rules: ErpDocuments) -> Body:
    """The deep insert of one requisition, an item per line. Raises UnknownUnit or DoesNotFit."""
    return {
        "PurchaseRequisitionType": rules.requisition_type,
        "PurReqnDescription": write_text(f"Pegline {document.reference}", 40),
        REQUISITION_ITEMS: [_requisition_item(document, line, units, rules) for line in document.lines],
    }


def _requisition_item(document: OrderDocument, line: DocumentLine, units: Units, rules: ErpDocuments) -> Body:
    return _without_empty(
        {
            "PurchaseRequisitionItem": item_number(line.line),
            "PurchaseRequisitionItemText": write_text(line.description or line.item, 40),
            "Material": write_code(line.item, 40, "Material"),
            "MaterialGroup": write_code(line.material_group, 9, "MaterialGroup"),
            "RequestedQuantity": number(line.quantity, "RequestedQuantity"),
            "BaseUnit": units.to_sap(line.unit),
            "PurchasingDocumentItemCategory": rules.item_categories.get(document.route, ""),
            "DeliveryDate": line.delivery_date.isoformat(),
            "Plant": write_code(document.plant, 4, "Plant"),
            "StorageLocation": rules.storage_location,
            "CompanyCode": write_code(document.company_code, 4, "CompanyCode"),
            "PurchasingOrganization": write_code(document.purchasing_organization, 4, "PurchasingOrganization"),
            "PurchasingGroup": write_code(document.purchasing_group, 3, "PurchasingGroup"),
            **_required_of(document, line),
            **_borne(document, rules, REQUISITION_ACCOUNTS, {}),
            "RequirementTracking": write_code(line.requirement_reference, 10, "RequirementTracking"),
            rules.requisition_reference_field: write_code(document.reference, 35, rules.requisition_reference_field),
            "PurReqnItemExternalReference": write_code(line.requirement_reference, 10, "PurReqnItemExternalReference"),
        }
    )


def _borne(document: OrderDocument, rules: ErpDocuments, navigation: str, numbered: Mapping[str, str]) -> Body:
    """Tax and account assignment of an item that is bought; all of it on one account."""
    if document.route is RouteKind.TRANSFER:
        return {}
    bearer = rules.account_assignment
    assigned = {sap: value for ours, sap in _ACCOUNT_FIELDS.items() if (value := getattr(bearer, ours))}
    return {
        "TaxCode": rules.tax_code,
        "AccountAssignmentCategory": bearer.category,
        **({navigation: [{**numbered, **assigned}]} if bearer.category and assigned else {}),
    }


def _required_of(document: OrderDocument, line: DocumentLine) -> Body:
    if document.route is RouteKind.TRANSFER:
        return {"SupplyingPlant": write_code(document.supplier, 4, "SupplyingPlant")}
    amount, per = price(line.price, line.price_unit, "PurchaseRequisitionPrice")
    return {
        "PurchaseRequisitionPrice": amount,
        "PurReqnPriceQuantity": per,
        "PurReqnItemCurrency": write_code(document.currency, 3, "PurReqnItemCurrency"),
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


def order_body(document: OrderDocument, requisition: str, units: Units, rules: ErpDocuments) -> Body:
    """The deep insert of the order that a requisition is converted into. Raises UnknownUnit or DoesNotFit."""
    wanted = order_number(document, rules)
    transfer = document.route is RouteKind.TRANSFER
    return {
        **({"PurchaseOrder": wanted} if wanted else {}),
        "PurchaseOrderType": rules.transfer_type if transfer else rules.order_type,
        "CompanyCode": write_code(document.company_code, 4, "CompanyCode"),
        "PurchasingOrganization": write_code(document.purchasing_organization, 4, "PurchasingOrganization"),
        "PurchasingGroup": write_code(document.purchasing_group, 3, "PurchasingGroup"),
        **(
            {"SupplyingPlant": write_code(document.supplier, 4, "SupplyingPlant")}
            if transfer
            else {
                "Supplier": write_code(document.supplier, 10, "Supplier"),
                "DocumentCurrency": write_code(document.currency, 3, "DocumentCurrency"),
            }
        ),
        "PurchaseOrderDate": document.order_date.isoformat(),
        rules.order_reference_field: write_code(document.reference, 12, rules.order_reference_field),
        ITEMS: [_order_item(document, line, requisition, units, rules) for line in document.lines],
    }


def _order_item(
    document: OrderDocument, line: DocumentLine, requisition: str, units: Units, rules: ErpDocuments
) -> Body:
    unit = units.to_sap(line.unit)
    transfer = document.route is RouteKind.TRANSFER
    origin = {"PurchaseRequisition": requisition, "PurchaseRequisitionItem": item_number(line.line)}
    item = {
        "PurchaseOrderItem": item_number(line.line),
        "PurchaseOrderItemText": write_text(line.description or line.item, 40),
        "Plant": write_code(document.plant, 4, "Plant"),
        "StorageLocation": rules.storage_location,
        "Material": write_code(line.item, 40, "Material"),
        "MaterialGroup": write_code(line.material_group, 9, "MaterialGroup"),
        "PurchaseOrderItemCategory": rules.item_categories.get(document.route, ""),
        "OrderQuantity": number(line.quantity, "OrderQuantity"),
        "PurchaseOrderQuantityUnit": unit,
        "RequirementTracking": write_code(line.requirement_reference, 10, "RequirementTracking"),
        **({} if transfer else _bought(document, line, unit, rules)),
        **_borne(document, rules, ACCOUNTS, {"AccountAssignmentNumber": "1"}),
        **origin,
        SCHEDULE: [
            {
                "ScheduleLine": "1",
                "ScheduleLineDeliveryDate": line.delivery_date.isoformat(),
                "ScheduleLineOrderQuantity": number(line.quantity, "ScheduleLineOrderQuantity"),
                **origin,
                **_provided(document, line, units),
            }
        ],
    }
    return _without_empty(item)


def _bought(document: OrderDocument, line: DocumentLine, unit: str, rules: ErpDocuments) -> Body:
    return {
        **_source_of_supply(line),
        "OrderPriceUnit": unit,
        "DocumentCurrency": write_code(document.currency, 3, "DocumentCurrency"),
        # Without it SAP takes no confirmation of the item.
        "SupplierConfirmationControlKey": rules.confirmation_control,
        **price_body(line.price, line.price_unit),
    }


def price_body(amount: Decimal, price_unit: Decimal) -> Body:
    """The price of an order item. Raises DoesNotFit."""
    net, per = price(amount, price_unit, "NetPriceAmount")
    return {"NetPriceAmount": net, "NetPriceQuantity": per}


def _provided(document: OrderDocument, line: DocumentLine, units: Units) -> Body:
    if document.route is not RouteKind.SUBCONTRACT or not line.components:
        return {}  # without, SAP takes those of its bill of materials
    return {COMPONENTS: [{"Plant": document.plant, **component_body(one, units)} for one in line.components]}


def component_body(component: ComponentLine, units: Units) -> Body:
    """The component given to a subcontractor, rounded up to SAP's decimals. Raises UnknownUnit or DoesNotFit."""
    return {
        "Material": write_code(component.item, 40, "Material"),
        "QuantityInEntryUnit": number(given(component), "QuantityInEntryUnit"),
        "EntryUnit": units.to_sap(component.unit),
        "RequirementDate": component.date.isoformat(),
    }


def item_number(line: int) -> str:
    """The key of an item; V4 takes it without zeros in front. Raises DoesNotFit."""
    return write_code(str(line), 5, "PurchaseOrderItem")


def _without_empty(body: Body) -> Body:
    """Leave out unknown values, so that SAP uses its own defaults."""
    return {name: value for name, value in body.items() if value != ""}
