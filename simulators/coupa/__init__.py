"""Coupa, the procurement cloud, as its REST API shows it: what an adapter may rely on here.

Built from published documents alone: the R39 swagger (requisitions, purchase orders and their changes, receiving, ASN,
order confirmations), the element tables and printed calls of Coupa's integration pages, and its notes on errors in XML
and JSON. Mounted at /coupa by simulators.app; paths below are relative to that. Where the documents are silent, the
harder reading is taken and said so.

DIALECT
  POST /oauth2/token (also /oauth2/access_tokens): client credentials -> access_token, expires_in. All under /api wants
  `Authorization: Bearer`, 401 else; an unknown path is 404. Content-Type and Accept must be equal (400).
  Reads: `limit` (50 at most; more is 50), `offset`, `order_by`, `dir`; filters `field=`, `field[op]=` with gt,
  gt_or_eq, lt, lt_or_eq, not_eq on the fields of FILTERED. Any other filter is ignored, and all rows are
  returned (harder reading). Without `order_by`, the newest come first (harder reading). No row:
  200 [] in JSON, 404 in XML. No ETag, no 304.
  Errors: {"errors": {"resource": ["..."]}} or <errors><error>; 429 beyond 25 requests a second with a burst of 20,
  without Retry-After (harder reading). Decimals are strings with six places; date-times have the instance's offset,
  -08:00. Unknown elements of a body are ignored.

REQUISITIONS /api/requisitions
  POST /submit_for_approval creates and tries to submit; GET, PUT, DELETE /{id};
  PUT /{id}/update_and_submit_for_approval.
  Wanted: ship-to-address; of a line description, quantity, unit-price, currency, supplier, uom. Status draft,
  pending_buyer_action (a line's supplier is not known: a person in Coupa settles it), pending_approval, approved,
  ordered, withdrawn. A refused one is a draft again and has reject-reason-comment (no status of refusal is documented).
  A requisition in approval can't be updated (harder reading), but deleted while nobody has approved it; one that was
  approved can be neither. Nothing is unique: the same posted twice is two. `req-title` is kept as it is, `line-num`
  counted anew from 1 (harder reading: it is documented as element in and out).
  Approved: one order per supplier is made, `order-line-id` tells where a line went.
PURCHASE ORDERS /api/purchase_orders, /api/purchase_order_lines (GET)
  Made from requisitions alone; POST is for external orders and refused. Status issued, or buyer_hold where the instance
  does not issue by itself (control). PUT /{id}/issue, /issue_without_send, /cancel, /close; an order that is not held
  can't be issued again (harder reading). `version` counts what the supplier saw, `internal-revision` all changes.
CHANGES /api/purchase_order_changes
  POST {order-header-id, justification, order-line-changes: [{order-line-id, quantity, price, need-by-date,
  pending-delete}]} makes a draft, PUT /{id}/submit_for_approval submits it; one at a time per order (harder reading),
  none of an order on hold, and no line with receipts is deleted (harder reading). Approved, it is carried out and
  sent; refused, it is `rejected` with reject-reason.
CONFIRMATIONS /api/order_header_confirmations, RECEIPTS /api/receiving_transactions (POST, PUT /{id}/void),
SHIPMENTS /api/asn/headers: made by suppliers and warehouses (control). Each, and orders, have `exported` (ASN:
  `export-flag`); PUT /{id}?exported=true marks it, and other elements of that call are ignored. A change resets it.

CONTROL (no authentication; faults, writes, books, clock: see simulators.faults)
  POST /control/approve  {requisition | change, by?, tell?: true}
  POST /control/reject   {requisition | change, reason, by?, tell?}
  POST /control/withdraw {requisition, by?, tell?}: the requester takes it back in Coupa
  POST /control/edit     {order, line, quantity?, need_by?, price?, status?, deleted?}: a buyer revises the order in
                         Coupa; without lines it is cancelled
  POST /control/setup    {suppliers?, items?, issues?, approves?, order_delay?}: known supplier and item numbers (empty:
                         any); whether orders are issued by themselves; whether what is submitted is approved at once;
                         whether an order is made only by POST /control/orders
  POST /control/orders   the orders that are due are made
  POST /control/confirm  {order, lines: [{line, action?, quantity?, promised?, price?, schedule?: [{quantity, date}]}]}
  POST /control/ship     {order, asn, lines: [{line, quantity}], delivery}
  POST /control/receive  {order, line, quantity, date?}; a receipt's number is its id
  POST /control/void     {receipt}
  POST /control/gateway  {url}: where decisions are told, as CloudEvents `pegline.approval.decided.v1` to /v1/events, by
                         the integration beside Coupa; POST /control/resend

Not simulated: accounts and budgets, contracts, catalogues, invoices, comments, custom fields, receipt approval, XML
bodies (errors and empty results in XML are).
"""

from simulators.coupa.app import create

__all__ = ["create"]
