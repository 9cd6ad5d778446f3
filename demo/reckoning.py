"""The checks on the story, counted in the counterparts' own books.

Only `open_with_reason` and the exceptions come from Pegline: nobody else knows why something is open.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from demo.books import Books
from demo.erp_books import live_orders


@dataclass
class Summary:
    """The story's results; the keys of .run/demo/summary.json."""

    figures: dict[str, Any]
    failures: list[str] = field(default_factory=list)


TIME_LIMIT_SECONDS = 120
"""The limit for the story's duration on two idle cores. A slower machine is no fault of the engine."""

_REPORTED_WITH = {"requirements": 380, "fulfilled": 300, "exceptions": 5, "decided": 3}
HAS_TO_BE_NONE = (
    "unread_lines",
    "unaccounted",
    "duplicate_requisitions",
    "duplicate_orders",
    "late_plan_effects",
    "coverage_mismatches_aps",
    "coverage_mismatches_erp",
    "own_needs_unaccounted",
    "shared_decrease_faults",
    "plan_run_faults",
    "affected_without_disposition",
    "change_mismatches_erp",
    "landscape_faults",
)
_HAPPENS = (
    "dead_letters",
    "worker_kills",
    "suppressed",
    "proposals",
    "approved",
    "transfers",
    "subcontracts",
    "master_data_exceptions",
    "edits_kept",
    "shared_lines",
    "shared_decreases",
    "plan_runs",
    "engineering_changes",
    "dispositions",
    "lines_for_new_components",
    "under_way_when_added",
)


def received_of(books: Books) -> dict[str, Decimal]:
    """The quantities received according to APS, by demand reference."""
    received: dict[str, Decimal] = defaultdict(Decimal)
    for reference, rows in books.aps["coverage_by_reference"].items():
        for row in rows:
            for part in row["scheduleLines"]:
                if part["state"] == "received":
                    received[reference] += Decimal(part["quantity"])
    return received


def duplicate_orders(books: Books) -> int:
    """ERP orders beyond the first of a reference, and orders sent to a supplier under a second number."""
    references = Counter(order["CorrespncExternalReference"] for order in live_orders(books))
    unknown = set(books.edi["orders"]) - {order["PurchaseOrder"] for order in books.erp["orders"]}
    return sum(count - 1 for count in references.values()) + len(unknown)


def duplicate_requisitions(books: Books) -> int:
    """Requisitions beyond the first of a reference, those cancelled by the sweep left out."""
    live = Counter(
        items[0]["PurReqnExternalReference"]
        for requisition in books.erp["requisitions"]
        if (items := [item for item in requisition["items"] if not item["IsDeleted"]])
    )
    return sum(count - 1 for count in live.values())


def erp_mismatches(books: Books) -> list[str]:
    """Order lines whose committed schedule in the ERP differs from the promise in the supplier's own books."""
    held = {
        (order["PurchaseOrder"], int(item["PurchaseOrderItem"])): item
        for order in books.erp["orders"]
        for item in order["items"]
    }
    wrong = []
    for number, order in books.edi["orders"].items():
        for line, promised in order["lines"].items():
            item = held.get((number, int(line)))
            if item is None:
                wrong.append(f"{number}/{line} is not in the ERP")
                continue
            gone = promised["cancelled"] or promised["rejected"]
            if gone or item["PurchasingDocumentDeletionCode"] == "L":
                if not (gone and item["PurchasingDocumentDeletionCode"] == "L"):
                    wrong.append(f"{number}/{line} is cancelled on one side only")
                continue
            ours, theirs = _committed(item), _promised(promised)
            if ours != theirs:
                wrong.append(f"{number}/{line}: ERP {ours}, supplier {theirs}")
    return wrong


def _committed(item: dict[str, Any]) -> dict[str, Decimal]:
    by_day: dict[str, Decimal] = defaultdict(Decimal)
    for row in item["schedule"]:
        if Decimal(row["ScheduleLineCommittedQuantity"]) > 0:
            by_day[row["ScheduleLineDeliveryDate"][:10]] += Decimal(row["ScheduleLineCommittedQuantity"])
    return dict(by_day)


def _promised(line: dict[str, Any]) -> dict[str, Decimal]:
    by_day: dict[str, Decimal] = defaultdict(Decimal)
    for part in line["confirmed"]:
        if part["state"] == "confirmed" and part["date"] and Decimal(part["quantity"]) > 0:
            by_day[part["date"][:10]] += Decimal(part["quantity"])
    return dict(by_day)


def aps_mismatches(books: Books, references_of_line: Mapping[tuple[str, int], Sequence[str]]) -> list[str]:
    """Requirements whose receipts in APS differ from those that the warehouse posted, up to the allocated quantity.

    `references_of_line` maps (order, line) to the demand references that it serves. The warehouse does not know for
    whom it receives: requirements that share a line are compared in sum.
    """
    together = _together(references_of_line.values())
    posted: dict[str, Decimal] = defaultdict(Decimal)
    for receipt in books.wms["receipts"].values():
        references = references_of_line.get((receipt["order"], int(receipt["line"])))
        if references:
            posted[together[references[0]][0]] += Decimal(receipt["quantity"])
    reported_each = received_of(books)
    reported: dict[str, Decimal] = defaultdict(Decimal)
    for reference, quantity in reported_each.items():
        reported[together.get(reference, [reference])[0]] += quantity
    planned = {
        reference: Decimal(requirement["quantity"])
        for version in books.aps["versions"].values()
        for reference, requirement in version["requirements"].items()
        if reference not in version["slightly"]  # nobody acted on those (R4): the earlier quantity still applies
    }
    wrong = [f"{reference} is unknown to the plan" for reference in books.aps["coverage_of_unknown"]]
    still = books.planned["requirements"]
    for reference in sorted(posted.keys() | reported.keys()):
        group = together.get(reference, [reference])
        needed = sum((planned[each] for each in group if len(group) == 1 or each in still), Decimal(0))
        # A lot's surplus is unallocated: APS receives the requirement's quantity, the warehouse holds all of it.
        if reported[reference] > posted[reference] or (
            reported[reference] < posted[reference] and reported[reference] < needed
        ):
            wrong.append(f"{' + '.join(group)}: APS {reported[reference]}, warehouse {posted[reference]}")
    return wrong


def _together(shared: Iterable[Sequence[str]]) -> dict[str, list[str]]:
    """For each reference, those with which it shares lines, directly or indirectly, itself included."""
    together: dict[str, list[str]] = {}
    for references in shared:
        group = sorted({each for reference in references for each in together.get(reference, [reference])})
        together |= dict.fromkeys(group, group)
    return together


def plan_run_faults(runs: Sequence[Mapping[str, Any]], revision: Mapping[str, Any]) -> list[str]:
    """Differences between the reports on a version's plan runs and the changes according to the planning system."""
    found: dict[str, int] = Counter()
    for run in runs:
        found.update(run["outcomes"])
    known = {
        "new": len(revision["new"]),
        "changed": len(revision["changed"]) + len(revision["slightly"]),
        "withdrawn": len(revision["gone"]),
    }
    known["unchanged"] = revision["requirements"] - known["new"] - known["changed"]
    return [
        f"{outcome}: {found.get(outcome, 0)} reported, {known.get(outcome, 0)} planned"
        for outcome in sorted({*known, *found})
        if found.get(outcome, 0) != known.get(outcome, 0)
    ]


def judge(figures: dict[str, Any], details: dict[str, list[str]]) -> list[str]:
    """The failed checks, in words."""
    failures = [
        f"{name} is {figures[name]}, has to be 0" + _first(details.get(name, []))
        for name in HAS_TO_BE_NONE
        if figures[name]
    ]
    if figures["rerun"]["erp_writes_for_unchanged"]:
        failures.append(f"the rerun wrote {figures['rerun']['erp_writes_for_unchanged']} unchanged lines to the ERP")
    for name, least in _REPORTED_WITH.items():
        if figures[name] < least:
            failures.append(f"{name} is {figures[name]}, the story needs {least} or more")
    for name in _HAPPENS:
        if figures[name] < 1:
            failures.append(f"{name} is {figures[name]}: that part of the story did not happen")
    return failures


def _first(found: list[str]) -> str:
    return f" ({'; '.join(found[:5])})" if found else ""
