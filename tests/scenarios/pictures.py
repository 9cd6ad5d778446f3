"""What whole plans come to in every book, without what differs between two runs of the same input: ids and times."""

import csv
import io
import json
from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any

import asyncpg

from canonical.audit_event import first_break
from canonical.identity import requirement_reference
from ledger.events.chains import audit_event_of
from tests.scenarios.whole_plans import PLANTS, Site, connected, gone

INCIDENT = "ExecutionStatus='Running' AND PeglineIncident IS NOT NULL"
NEVER = ("incidents", "exceptions", "dead letters", "broken chains", "orders twice", "refused by suppliers", "refused")


async def picture(site: Site) -> dict[str, Any]:
    """All that is to be the same in the end, without what differs between two runs of the same input: ids and times."""
    connection = await connected(site)
    try:
        requirements = await connection.fetch("SELECT * FROM requirement WHERE source = $1", site.source)
        names = {row["id"]: _name(row) for row in requirements}
        references = {requirement_reference(each): name for each, name in names.items()}
        return {
            "requirements": {_name(row): _requirement(row) for row in requirements},
            "inbox": await _inbox(connection),
            "plan runs": [
                tuple(row)
                for row in await connection.fetch(
                    "SELECT plant, version, stage, lines, refused FROM plan_run WHERE stage <> 'receiving'"
                    " ORDER BY plant, version"
                )
            ],
            "exceptions": [tuple(row) for row in await connection.fetch("SELECT kind, state FROM shortage_exception")],
            "dead letters": [
                tuple(row) for row in await connection.fetch("SELECT source, code, detail, kept_at FROM dead_letter")
            ],
            "broken chains": await _broken_chains(connection),
            "open orders": sorted(
                {row["stage"] for row in await connection.fetch("SELECT stage FROM purchase_order WHERE NOT closed")}
            ),
            **await _books(site, references),
            "served by": await _served(connection, names),
            "incidents": (await site.client.count_workflows(f"TaskQueue='{site.queue}' AND {INCIDENT}")).count,
        }
    finally:
        await connection.close()


async def reports(site: Site) -> dict[str, list[tuple[str, ...]]]:
    """The report of every line of every plan; that a message had no effect any more is as good as delivered."""
    found = {}
    for plant in PLANTS:
        for version in (1, 2):
            answer = await site.people.get(f"/v1/plan-runs/{site.source}/{plant}/{version}/report")
            assert answer.status_code == 200, answer.text
            rows = csv.DictReader(io.StringIO(answer.text.replace(site.source, "SOURCE")))
            found[f"{plant}/{version}"] = [
                (*(value for name, value in row.items() if name != "delivery"), _settled(row["delivery"]))
                for row in rows
            ]
    return found


def at_rest(found: dict[str, Any], lines: int) -> bool:
    """Whether nothing will change any more: all requests are confirmed, and withdrawn needs are released."""
    standing = {name: each["stands"][0] for name, each in found["requirements"].items()}
    stages = Counter(standing.values())
    held = [line for ordered in found["ordered"].values() for line in ordered]
    return (
        {name for name, stage in standing.items() if stage == "covered"} == found["ordered"].keys()
        and stages["withdrawn"] == len(PLANTS) * gone(lines)
        and stages.keys() == {"covered", "withdrawn"}
        and found["open orders"] == ["acknowledged"]
        and "stored" not in found["inbox"]
        and not any(found[each] for each in NEVER)
        and all(quantity == sum(part for _, part in committed) for *_, quantity, committed in held)
    )


def _name(row: asyncpg.Record) -> str:
    return f"{row['plant']}/{row['item']}/{row['demand_reference']}"


def _requirement(row: asyncpg.Record) -> dict[str, Any]:
    snapshot = json.loads(row["snapshot"]) if row["snapshot"] else {}
    need = snapshot.get("need", {})
    return {
        "registered": (
            row["registered_plan_version"],
            row["registered_event_id"],
            row["registered_content"],
            row["registered_withdrawn"],
        ),
        "stands": (row["stage"], row["closed"], need.get("quantity"), need.get("required_date")),
        "exception": snapshot.get("exception_id"),
    }


def _settled(status: str) -> str:
    """`unchanged` and `stale`: it was delivered, and whoever was to note it died before."""
    return "delivered" if status in ("delivered", "unchanged", "stale") else status


async def _inbox(connection: asyncpg.Connection) -> dict[str, int]:
    """Messages of the plan runs, by what became of them; and how many of any kind wait."""
    rows = await connection.fetch(
        "SELECT status, starts_with(event_id, 'plan/') AS planned, count(*) AS messages FROM inbox GROUP BY 1, 2"
    )
    counts: dict[str, int] = defaultdict(int)
    for row in rows:
        if row["planned"] or row["status"] == "stored":
            counts[_settled(row["status"])] += row["messages"]
    return dict(counts)


async def _broken_chains(connection: asyncpg.Connection) -> list[str]:
    by_entity: dict[str, list[Any]] = defaultdict(list)
    for row in await connection.fetch("SELECT * FROM audit_event ORDER BY entity_id, position"):
        by_entity[row["entity_id"]].append(row)
    broken = []
    for entity, rows in by_entity.items():
        audit_events = [audit_event_of({**row, "data": json.loads(row["data"])}) for row in rows]
        if (place := first_break(audit_events)) is not None:
            broken.append(f"{entity} at {place}")
    for table in ("requirement", "purchase_order", "shortage_exception"):
        # A snapshot is never ahead of, nor behind, the audit events that led to it.
        broken += [
            f"{row['id']} stands at {row['position']}, its audit events end at {row['last']}"
            for row in await connection.fetch(
                "SELECT id, position, (SELECT max(position) FROM audit_event WHERE entity_id = id) AS last "
                f"FROM {table}"
            )
            if row["position"] != row["last"]
        ]
    return broken


async def _served(connection: asyncpg.Connection, names: dict[str, str]) -> dict[str, list[Decimal]]:
    served: dict[str, list[Decimal]] = defaultdict(list)
    for row in await connection.fetch("SELECT requirement_id, quantity FROM order_line WHERE quantity > 0"):
        served[names[row["requirement_id"]]].append(row["quantity"])
    return {name: sorted(quantities) for name, quantities in sorted(served.items())}


async def _books(site: Site, references: dict[str, str]) -> dict[str, Any]:
    """What ERP, suppliers and planning system hold for each requirement, and that nothing is there twice."""
    books = {name: (await site.control.get(f"/{name}/control/books")).json() for name in ("erp", "edi", "aps")}
    ordered: dict[str, list[Any]] = defaultdict(list)
    promised: dict[str, list[Any]] = defaultdict(list)
    requisitioned: dict[str, int] = defaultdict(int)
    reference_of_line: dict[tuple[str, int], str] = {}
    for requisition in books["erp"]["requisitions"]:
        for item in requisition["items"]:
            reference = references.get(item["RequirementTracking"], f"unknown {item['RequirementTracking']}")
            if item["PurchasingDocument"]:
                reference_of_line[item["PurchasingDocument"], int(item["PurchasingDocumentItem"])] = reference
            if not item["IsDeleted"]:
                requisitioned[reference] += 1
    for order in books["erp"]["orders"]:
        for item in order["items"]:
            reference = reference_of_line.get((order["PurchaseOrder"], int(item["PurchaseOrderItem"])), "of no need")
            if not item["PurchasingDocumentDeletionCode"]:
                committed = [
                    (line["ScheduleLineDeliveryDate"][:10], Decimal(line["ScheduleLineCommittedQuantity"]))
                    for line in item["schedule"]
                ]
                ordered[reference].append(
                    (order["Supplier"], item["Material"], Decimal(item["OrderQuantity"]), committed)
                )
    for number, order in books["edi"]["orders"].items():
        for line, promise in order["lines"].items():
            if not promise["cancelled"]:
                parts = [(part["date"], Decimal(part["quantity"]), part["state"]) for part in promise["confirmed"]]
                promised[reference_of_line.get((number, int(line)), "of no need")].append(parts)
    covered = {
        reference: sorted(
            (part["date"], Decimal(part["quantity"]), part["state"])
            for reported in rows
            for part in reported["scheduleLines"]
        )
        for reference, rows in books["aps"]["coverage_by_reference"].items()
    }
    live = [
        order["CorrespncExternalReference"]
        for order in books["erp"]["orders"]
        if any(not item["PurchasingDocumentDeletionCode"] for item in order["items"])
    ]
    return {
        "ordered": dict(sorted(ordered.items())),
        "requisitions": {name: count for name, count in sorted(requisitioned.items()) if name in ordered},
        "promised": dict(sorted(promised.items())),
        "covered": {name: schedule_lines for name, schedule_lines in sorted(covered.items()) if schedule_lines},
        "orders twice": len(live) - len(set(live)),
        "refused by suppliers": books["edi"]["counts"]["refused"],
        "refused": [
            each["answer"]
            for name in ("erp", "edi", "aps")
            for each in books[name].get("deliveries", [])
            if each["state"] in ("refused", "given_up")
        ],
    }
