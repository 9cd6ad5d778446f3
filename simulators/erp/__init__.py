"""SAP S/4HANA as its OData V2 purchasing services show it: what an adapter may rely on here.

Mounted at /erp by simulators.app; paths below are relative to that. The field tables are in `tables`; field names,
types, lengths and the creatable/updatable flags are SAP's own; a field that is not in the tables is refused as an
unknown property. Behaviour that SAP leaves to configuration is written down here.

SERVICES (below /sap/opu/odata/sap)
  API_PURCHASEREQ_PROCESS_SRV    A_PurchaseRequisitionHeader (nav to_PurchaseReqnItem)
                                 A_PurchaseRequisitionItem   (nav to_PurchaseReqn); neither can be deleted by DELETE
  API_PURCHASEORDER_PROCESS_SRV  A_PurchaseOrder             (nav to_PurchaseOrderItem)
                                 A_PurchaseOrderItem         (nav to_PurchaseOrder, to_ScheduleLine)
                                 A_PurchaseOrderScheduleLine (nav to_SubcontractingComponent)
                                 A_POSubcontractingComponent
  read only: API_INFORECORD_PROCESS_SRV A_PurchasingInfoRecord (nav to_PurgInfoRecdOrgPlantData; so many base units,
             OrderItemQtyToBaseQtyNmrtr, are so many order units, ...Dnmntr), A_PurgInfoRecdOrgPlantData (nav
             to_PurInfoRecdPrcgCndnValidity), A_PurInfoRecdPrcgCndnValidity (nav to_PurInfoRecdPrcgCndn),
             A_PurInfoRecdPrcgCndn (nav to_PurgInfoPricingCndnRecdScale), A_PurInfoRecdPrcgCndnScale; conditions only
             where prices were loaded, else NetPriceAmount alone holds
           API_PURCHASING_SOURCE_SRV A_PurchasingSource: the source list of a material and plant, as loaded; else its
             info records by preference (1 is the first), numbered, and SupplierIsFixed marks the first
           API_PURCHASECONTRACT_PROCESS_SRV A_PurchaseContract (nav to_PurchaseContractItem), A_PurchaseContractItem;
             what is called off stands in the orders' items (PurchaseContract, PurchaseContractItem)
           API_PRODUCT_SRV A_Product (nav to_Description, to_Plant, to_ProductUnitsOfMeasure), A_ProductDescription,
             A_ProductUnitsOfMeasure (denominator units are numerator base units), A_ProductPlant (ABCIndicator;
             ProfileCode, the status, 01 blocks purchasing; nav to_ProductSupplyPlanning, to_ProductPlantProcurement),
             A_ProductSupplyPlanning, A_ProductPlantProcurement
           API_BILL_OF_MATERIAL_SRV;v=0002 MaterialBOM (nav to_BillOfMaterialItem), MaterialBOMItem
           API_BUSINESS_PARTNER A_Supplier
           API_MATERIAL_DOCUMENT_SRV A_MaterialDocumentItem: the goods posted in the control room, movement type 101
             (102 where taken back), DebitCreditCode S (H)
ODATA V4 (below /sap/opu/odata4/sap), over the same books; names in `v4_tables`, protocol in `v4`
  api_purchaseorder_2/srvd_a2x/sap/purchaseorder/0001, api_purchaserequisition_2/srvd_a2x/sap/purchaserequisition/0001,
  api_product/srvd_a2x/sap/product/0002,
  api_supplierconfirmation/srvd_a2x/sap/supplierconfirmation/0001 (`confirmations`).
  Keys as path segments or in brackets; $expand in brackets; numbers as JSON numbers, dates ISO; pages of 200 rows with
  @odata.nextLink; POST to heads and through navigations alone; PATCH and DELETE of tagged entities want If-Match (428,
  412).

  Item categories as the services show them: 0 standard, 3 subcontracting, 7 stock transfer. Info record categories: 0
  standard, 3 subcontracting; one number may have terms of both.
  The info record has no published field for the order multiple; customers add one, so A_PurgInfoRecdOrgPlantData
  carries the extension field YY1_OrderMultiple_PIR (Decimal 13.3; 0: none, then
  A_ProductSupplyPlanning.LotSizeRoundingQuantity holds; 0 there too: no multiple). Maximum 0: no maximum.

DIALECT
  Basic authentication, 401 without. Every answer to a request without a known session sets the cookie
  SAP_SESSIONID_S4H_100. Writes ($batch too) need that cookie and its token: GET or HEAD with `X-CSRF-Token: Fetch`
  answers the token in x-csrf-token; otherwise 403, text "CSRF token validation failed", `x-csrf-token: Required`.
  Reads want `Accept: application/json` or `$format=json` (406 otherwise), writes `Content-Type: application/json`.
  GET /Set, /Set/$count, /Set(key), /Set(key)/nav; $filter (and or not, eq ne gt ge lt le, substringof startswith
  endswith; literals 'x' 12.5M datetime'...' datetimeoffset'...' true false null), $top $skip $orderby $select
  $expand (nested, comma separated; select inside with nav/Field) $inlinecount=allpages, $format=json. No paging
  is forced.
  POST /Set or /Set(key)/nav creates (deep insert; navigations as list or {"results": list}) -> 201 with what was
  inserted, Location. MERGE, PATCH or POST with X-HTTP-Method: MERGE -> 204. DELETE -> 204. PUT is refused (405).
  No ETags. POST /$batch: multipart/mixed, GETs and changesets; a changeset is all or nothing and a failed one is
  answered by one application/http part with the error; checks that span a document are made at its end.
  Decimals are strings (a JSON number is refused) and come without needless zeros for quantities, with two decimals
  for amounts; dates /Date(ms)/ (ISO local date-times are taken too). Strings beyond their length are refused; fields
  with sap:display-format=UpperCase are stored in upper case, and literals of $filter are raised likewise.
  Item keys: five digits in requisitions ('00010'), unpadded in orders ('10', schedule line '1'; none: '0'); both
  spellings are accepted everywhere. Document numbers: 10000000.. and 4500000000.., leading zeros accepted.
  Errors: {"error": {"code": "06/123", "message": {"lang": "en", "value": ...}, "innererror": {...,"errordetails": [
  {"code", "message", "propertyref", "severity", "target"}]}}}; target names the item as
  to_PurchaseOrderItem(PurchaseOrder='',PurchaseOrderItem='10') where one is at fault. 404 for what is not there.

RULES (400 unless said; code in brackets. Classes are SAP's, numbers only approximately)
  plant [06/024], material [M3/305], material not in plant [M3/351], supplier [F2/163], supplier blocked [06/322],
  purchasing organization [06/025], company code not the plant's [06/026], unit [BM/302], info record [06/027] unknown;
  contract without such an item of the material [06/030], contract not valid on the order date [06/042];
  mandatory field missing [ME/083], quantity not above zero [06/028], delivery date in the past [06/038];
  quantity below what was delivered [06/115], or below what was ordered of a requisition item [06/116];
  item deleted [06/019]; a write to a field that SAP marks not creatable or updatable [06/017];
  material blocked at the plant by its status [ME/052]; a field that makes no sense in this kind of document [06/227];
  item category not of the document type [06/228]; plant can't supply itself [06/229];
  schedule lines don't add up to OrderQuantity [06/054]; converting more than a requisition item asks for [06/076];
  document locked [ME/006]: 423, or the status that the lock was told.
  Requisition item: Material, Plant, RequestedQuantity, DeliveryDate, PurchasingGroup wanted; unit, text and group come
    from the material. IsDeleted 'X' by MERGE, only while nothing of it is ordered. ProcessingStatus N, then B.
  Order: CompanyCode, PurchaseOrderType (NB, UB), PurchasingOrganization, PurchasingGroup wanted; of a purchase (NB)
    Supplier and DocumentCurrency, of a stock transport order (UB) SupplyingPlant, which must keep the material, and no
    supplier, price or info record, all its items of category 7 as is their requisition's; of an item Plant, Material,
    OrderQuantity, NetPriceAmount, defaulting from the requisition item it names (PurchaseRequisition,
    PurchaseRequisitionItem). PurchaseOrder is an external number, refused if it is there
    already [06/016]. Without schedule lines, one is made for the requisition's date.
    Conversion writes PurchasingDocument, PurchasingDocumentItem, OrderedQuantity, ProcessingStatus of the requisition
    item; a later change of OrderQuantity moves OrderedQuantity along without a limit; deletion gives it back.
  Subcontracting (item category 3): components inserted with the schedule lines, else those of the bill of materials;
    none at all [ME/101]; with another category [06/230]; not the material itself [06/231]. RequiredQuantity is computed
    in the base unit. When the schedule changes, the quantities of the components move along (rounded up) unless they
    are written themselves, and new schedule lines get those of the first; dates stay.
  Schedule: MERGE of OrderQuantity moves a single schedule line along, unless the changeset tells that line a quantity.
    With several lines, or to split one, write item and lines in one changeset. A line dated in the past is refused
    unless the lines in the past hold no more than what was delivered; lines that are not written are left alone. POST
    takes PurchasingDocument, PurchasingDocumentItem and ScheduleLine (next free if left out).
    ScheduleLineCommittedQuantity may not exceed the line's quantity [06/055].
  Deletion: PurchasingDocumentDeletionCode can't be written. DELETE of an item, or of the order, sets 'L' (the row stays
    readable; a repeated DELETE is 06/019) and is refused once goods were received [06/116]: then reduce OrderQuantity
    to what was delivered, or set IsCompletelyDelivered.
  External references (PurReqnExternalReference 35, PurReqnItemExternalReference 10, RequirementTracking 10,
  CorrespncExternalReference 12) are not unique: two creates make two documents.
  "Past" is measured by the simulator's clock (PUT /control/clock).

CONTROL (no authentication; faults, writes, books, clock: see simulators.faults)
  POST /control/master-data     {plants, products, suppliers, info_records, units, boms}; upserts; see `master`
  POST /control/goods-receipts  {order, item, quantity, receipt} or a list; a repeated receipt counts once; 404 unknown,
                                409 deleted. Reaching OrderQuantity sets IsCompletelyDelivered
  POST /control/locks           {document, user, status: 423, times: null, code: "ME/006", text: ""}: all writes to it
                                are refused so; GET; DELETE /control/locks[/document]
  POST /control/edits           {order, item, user, quantity?, delivery_date?, from_date?, price?, deleted?, tell: true,
                                repeat: false}: a person changes a line at the ERP's own screens, by SAP's rules (409
                                with its reason); each field changed is told to the gateway as one CloudEvent
                                `pegline.order.edited.v1`, unless `tell` is false. SAP's services show when it was
                                (LastChangeDateTime), not who; the books do (changed_by, edits)
  POST /control/gateway         {url}: where edits are told; POST /control/resend sends again what was not taken
  POST /control/releases        {by_people?: bool, order?, refused?: false}: new and changed orders have to be
                                released by people (ReleaseIsNotCompleted) from now on; one is released, or refused
  POST /control/sessions/expire all CSRF tokens and sessions are forgotten
  GET  /control/books           {requisitions, orders, goods_receipts}: items by document with schedules, references,
                                delivered quantity, deletion, and `writes`, the OData writes that touched the line

Not simulated: Atom XML, function imports, account assignment, notes, pricing elements, tolerances, content
ids in $batch.
"""

from simulators.erp.app import create

__all__ = ["create"]
