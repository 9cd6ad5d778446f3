"""The figures of the summary, counted in the counterparts' books and the chapters' notes."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from canonical.event_data import OUR_SOURCE
from canonical.identity import requirement_reference
from demo.books import Books, read_books, writes
from demo.erp_books import Line, live_orders, subcontracts, transfers
from demo.reckoning import (
    TIME_LIMIT_SECONDS,
    Summary,
    aps_mismatches,
    duplicate_orders,
    duplicate_requisitions,
    erp_mismatches,
    judge,
    plan_run_faults,
    received_of,
)
from demo.shares import Reading, read_lines, unknown_lines
from demo.story import Story


async def reckon(story: Story, seconds: float, setup_seconds: float) -> Summary:
    """Count the story's results in the counterparts' books."""
    books, notes = await read_books(story.simulators), story.notes
    reading = read_lines(books)
    why = {row["need"]["demand_reference"]: row for row in await story.people.requirements()}
    fates = _fates(story, books, why)
    own = [row for row in why.values() if row["need"]["source"] == OUR_SOURCE]
    unknown = unknown_lines(books, [requirement_reference(row["id"]) for row in own])
    details = {
        "unread_lines": sorted({*notes.read_before.unread, *reading.unread, *unknown}),
        "coverage_mismatches_aps": aps_mismatches(books, reading.serves),
        "coverage_mismatches_erp": erp_mismatches(books),
        "unaccounted": fates["unaccounted"],
        "shared_decrease_faults": [fault for decrease in notes.decreases for fault in decrease.faults],
        "affected_without_disposition": [one for reported in notes.changes for one in reported.without_disposition],
        "change_mismatches_erp": [one for reported in notes.changes for one in reported.mismatches],
        "plan_run_faults": plan_run_faults(notes.plan_runs, notes.revision),
        "late_plan_effects": notes.late_effects,
        "landscape_faults": notes.landscape_faults,
    }
    rerun = await _writes_of_the_rerun(story)
    orders = live_orders(books)
    figures: dict[str, Any] = {
        "today": story.today.isoformat(),
        "requirements": sum(map(len, fates.values())),
        "fulfilled": len(fates["fulfilled"]),
        "withdrawn": len(fates["withdrawn"]),
        "open_with_reason": len(fates["open_with_reason"]),
        "unaccounted": len(details["unaccounted"]),
        "orders": len(orders),
        "order_lines": sum(len(order["items"]) for order in orders),
        "shared_lines": len(notes.shared),
        "unread_lines": len(details["unread_lines"]),
        "shared_decreases": sum(decrease.after < decrease.line.quantity for decrease in notes.decreases),
        "shared_decrease_faults": len(details["shared_decrease_faults"]),
        "duplicate_requisitions": duplicate_requisitions(books),
        "duplicate_orders": duplicate_orders(books),
        "exceptions": len(await story.people.exceptions()),
        "decided": notes.decided,
        "dead_letters": len(await story.people.dead_letters()),
        "rerun": {
            "lines": notes.revision["requirements"],
            "changed": len(notes.revision["changed"]),
            "erp_writes_for_unchanged": len(for_unchanged(rerun, notes.revision, notes.read_before, reading)),
        },
        "plan_runs": len(notes.plan_runs),
        "plan_run_faults": len(details["plan_run_faults"]),
        "suppressed": len(suppressed(rerun, notes.revision, reading)),
        "proposals": len(await story.people.exceptions(kind="change_proposal")),
        "approved": notes.approved,
        "engineering_changes": sum(reported.approvals > 0 for reported in notes.changes),
        "approvals_of_changes": sum(reported.approvals for reported in notes.changes),
        "dispositions": sum(len(reported.dispositions) for reported in notes.changes),
        "affected_without_disposition": len(details["affected_without_disposition"]),
        "change_mismatches_erp": len(details["change_mismatches_erp"]),
        "lines_for_new_components": sum(len(reported.new_lines) for reported in notes.changes),
        "edits_kept": notes.edits_kept,
        "transfers": len(transfers(books)),
        "subcontracts": len(subcontracts(books)),
        "own_needs": len(own),
        "own_needs_unaccounted": sum(not (row["closed"] or row["reason"]) for row in own),
        "master_data_exceptions": len(await story.people.exceptions(kind="master_data")),
        "late_plan_effects": len(notes.late_effects),
        "worker_kills": notes.kills,
        "landscape": notes.landscape,
        "under_way_when_added": notes.under_way_when_added,
        "landscape_faults": len(notes.landscape_faults),
        "coverage_mismatches_aps": len(details["coverage_mismatches_aps"]),
        "coverage_mismatches_erp": len(details["coverage_mismatches_erp"]),
        "seconds": round(seconds, 1),
        "seconds_allowed": TIME_LIMIT_SECONDS,
        "setup_seconds": round(setup_seconds, 1),
    }
    failures = judge(figures, details)
    if not notes.refused_digest:
        failures.append("a decision on an out-of-date digest was not refused with 412")
    return Summary(figures, failures)


def _fates(story: Story, books: Books, why: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    """The outcome of every requirement of every plan version."""
    planned, received = books.planned["requirements"], received_of(books)
    replaced = {reference for reported in story.notes.changes for reference in reported.ended}
    versions = books.aps["versions"].values()
    everything = {reference: row for version in versions for reference, row in version["requirements"].items()}
    fates: dict[str, list[str]] = {name: [] for name in ("fulfilled", "withdrawn", "open_with_reason", "unaccounted")}
    for reference, requirement in everything.items():
        known = why.get(reference)
        if known is not None and known["stage"] == "fulfilled" and received[reference] > 0 and reference in planned:
            fate = "fulfilled"
        elif (
            known is not None
            and known["closed"]
            and (reference not in planned or (reference in replaced and not received[reference]))
        ):
            fate = "withdrawn"
        elif known is not None and not known["closed"] and known["reason"]:
            fate = "open_with_reason"
        else:
            fate = "unaccounted"
        shown = f"{reference} {requirement['quantity']} {known and known['stage']}"
        fates[fate].append(shown if fate == "unaccounted" else reference)
    return fates


Written = Mapping[Line, int]
"""The number of ERP writes to a line."""


def for_unchanged(written: Written, revision: Mapping[str, Any], before: Reading, now: Reading) -> list[Line]:
    """One entry per ERP write of the rerun to a line that serves, and served, only requirements that version 2 left
    unchanged.

    A shared line is written because of any of its requirements. Lines for our own orders' needs follow those orders.
    """
    touched = {*revision["changed"], *revision["gone"], *revision["new"]}
    served = {line: {*before.serves.get(line, ()), *now.serves.get(line, ())} for line in written}
    return [
        line for line, times in written.items() if served[line] and not served[line] & touched for _ in range(times)
    ]


def suppressed(written: Written, revision: Mapping[str, Any], now: Reading) -> list[str]:
    """Requirements that version 2 changed slightly, that are on order, and that caused no write."""
    lines = {reference: set(now.lines_of(reference)) for reference in revision["slightly"]}
    return [reference for reference, theirs in lines.items() if theirs and not theirs & written.keys()]


async def _writes_of_the_rerun(story: Story) -> Written:
    """ERP writes to lines while version 2 was being processed."""
    return Counter(
        (row["document"], int(row["line"]))
        for row in await writes(story.simulators, "erp", story.notes.erp_before_rerun)
        if row["seq"] <= story.notes.erp_after_rerun and row["line"]
    )
