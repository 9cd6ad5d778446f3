"""Oracle Fusion Procurement and Supply Chain as their REST resources show them: what an adapter may rely on here.

Mounted at /oracle by simulators.app. Built from Oracle's documentation alone: the guides fapra (Procurement) and fasrp
(Supply Chain), faips (orchestration) and the readiness notes; attributes and their pages stand in `attributes`. An
attribute that is not there is refused. Where the documentation is silent, the harder reading holds, and is named here.

BASE  /fscmRestApi/resources/11.13.18.05/{resource}
  draftPurchaseOrders            GET, POST, PATCH, DELETE; child lines, lines/schedules POST; actions submit,
                                 cancelChangeOrder (pending), deleteChangeOrder (incomplete or rejected)
  purchaseOrders                 GET; actions cancel, acknowledge, communicate. No POST, no PATCH
  purchaseOrderAcknowledgments   PATCH {POHeaderId}: ACCEPT, or REJECT with a note
  purchaseRequisitions           GET; lines/{id}/action/cancel
  supplyRequests                 GET, POST; child supplyRequestLines PATCH; keyed by the caller's reference
  receivingReceiptRequests       GET, POST, DELETE; a line that fails stays with its processingErrors
  itemsV2, suppliers, procurementApprovedSupplierListEntries, purchaseAgreementLines: GET

DIALECT
  Basic authentication, 401 without. REST-Framework-Version 4: `q` is an expression (A='x' and B>=1), children are
  collections of their own, errors are application/vnd.oracle.adf.error+json with o:errorDetails. Without the header
  version 1 holds: `q` is A=x;B=y, children are arrays, errors are plain text. An expression in version 1 is a 400.
  `limit` (25 where left out, 500 at most), `offset`, `hasMore`, `totalResults=true`, `fields`, `expand` (all, or
  a.b), `orderBy`, `onlyData=true` (no links). An expanded child shows 25 rows at most and says hasMore.
  Item keys of draftPurchaseOrders, purchaseOrders, schedules and requisition lines are hashes of the server's making,
  had from the row's self link alone; an id in their place is a 404. Its `changeIndicator` is the ETag: where If-Match
  is sent and differs, 412. Actions want application/vnd.oracle.adf.action+json (415), other writes JSON.

DOCUMENTS
  An order has an approved version and at most one draft: the new order itself, or a change order. purchaseOrders shows
  approved versions alone, draftPurchaseOrders the draft where there is one, else the approved version. PATCH of an open
  order makes an incomplete change order with the changes; nothing changes in the order until it is submitted and
  approved. While it waits for approval nothing else can be changed (400). A line or schedule is cancelled by CancelFlag
  with a CancelReason; what was received stays, and one that was received in full can't be cancelled. A schedule's
  quantity must not be zero or below what was received, and a line's quantity is that of its schedules: either both are
  sent and agree, or the schedules alone are. Whether an order or change order needs approval is set in the control
  room; it is approved at once where none is needed.
  No attribute of an order is unique but its number, which Oracle gives.

SUPPLY REQUESTS
  Taken over as NEW and processed later (control: seconds); then each line has a buySupply or transferSupply with its
  documents, or its errorMessages. The same reference a second time is a 400.

CONTROL ROOM (beside simulators.faults)
  POST /control/master-data    organizations, suppliers (with sites), items, approved suppliers, agreement lines
  POST /control/approvals      {orders?, changes?: bool}: what needs approval from now on; GET lists what waits
  POST /control/approvals/{order number}  {decision: approve | reject, note?}
  POST /control/supply         {seconds}: how long a supply request is NEW
  POST /control/edits          {order, line, user, quantity?, delivery_date?, price?, cancel?}: a buyer's change order,
                               approved; {draft: true} leaves it incomplete; DELETE /control/drafts/{order number}
  POST /control/goods-receipts {order, item, quantity, receipt} or a list; a receipt counts once
"""
