"""The counterparts' misbehaviour in the story: suppliers that answer as real ones do, and systems that fail."""

from typing import Any

SUPPLIERS: list[dict[str, Any]] = [
    {"match": {"nth_order": [3, 21, 40]}, "behaviour": "later_date", "days": 15},
    {"match": {"nth_order": [12, 55]}, "behaviour": "later_date", "days": 2},
    {"match": {"nth_order": [5, 30]}, "behaviour": "split", "share": "0.6", "days": 12},
    {"match": {"nth_order": [7, 44]}, "behaviour": "backorder_part", "share": "0.3"},
    {"match": {"nth_order": [9, 33], "line": 10}, "behaviour": "reject"},
    {"match": {"nth_order": 17}, "behaviour": "price_change", "percent": "4"},
    {"match": {"nth_order": [4, 15, 26]}, "behaviour": "silent_until_reminded"},
    {"match": {"nth_order": [6, 18, 50]}, "behaviour": "answer_twice"},
    {"match": {"nth_order": [8]}, "behaviour": "unreadable"},
    {"match": {"nth_order": [10, 11]}, "behaviour": "accept_header_only"},
    {"match": {"document": "ORDCHG"}, "behaviour": "answer_old_revision", "times": 6},
]

_ORDERS = {"method": "POST", "path_regex": "A_PurchaseOrder$"}
_REQUISITIONS = {"method": "POST", "path_regex": "A_PurchaseRequisitionHeader$"}

ERP_FAULTS: list[dict[str, Any]] = [
    {"match": _ORDERS, "kind": "timeout_after_write", "seconds": 5, "after": 4},
    {"match": _ORDERS, "kind": "write_late", "seconds": 4.5, "after": 9},
    {"match": _ORDERS, "kind": "status", "status": 500, "after": 14},
    {"match": _ORDERS, "kind": "cut", "after": 20},
    {"match": _REQUISITIONS, "kind": "write_late", "seconds": 4.5, "after": 25},
    {"match": _REQUISITIONS, "kind": "status", "status": 429, "retry_after": 1, "after": 30, "times": 3},
    {"match": _REQUISITIONS, "kind": "slow", "seconds": 1.5, "after": 36, "times": 2},
]
EDI_FAULTS: list[dict[str, Any]] = [
    {"match": {"method": "POST", "path_regex": "messages$"}, "kind": "cut", "after": 6},
    {"match": {"method": "POST", "path_regex": "messages$"}, "kind": "timeout_after_write", "seconds": 5, "after": 16},
    {"match": {"method": "POST", "path_regex": "messages$"}, "kind": "status", "status": 500, "after": 28},
]
APS_FAULTS: list[dict[str, Any]] = [
    {"match": {"method": "PUT"}, "kind": "status", "status": 500, "after": 8},
    {"match": {"method": "PUT"}, "kind": "cut", "after": 19},
]
