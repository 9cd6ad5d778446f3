"""What stands in the counterparts' books, and waiting until it does."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tests.scenarios.loop import Loop


def requisitions(books: Mapping[str, Any]) -> list[Any]:
    """The ERP's requisitions that are not deleted."""
    return [one for one in books["requisitions"] if any(not item["IsDeleted"] for item in one["items"])]


def orders(books: Mapping[str, Any]) -> list[Any]:
    """The ERP's orders that are not deleted."""
    return [one for one in books["orders"] if any(not item["PurchasingDocumentDeletionCode"] for item in one["items"])]


def schedule(order: Mapping[str, Any]) -> list[tuple[str, Decimal, Decimal]]:
    """Day, quantity and committed quantity of each schedule line of an ERP order."""
    return [
        (
            line["ScheduleLineDeliveryDate"][:10],
            Decimal(line["ScheduleLineOrderQuantity"]),
            Decimal(line["ScheduleLineCommittedQuantity"]),
        )
        for item in order["items"]
        for line in item["schedule"]
    ]


async def confirmed(loop: Loop) -> Any:
    """The ERP's books once all that was ordered is committed."""

    async def look() -> Any:
        erp = await loop.books("erp")
        lines = [line for order in orders(erp) for line in schedule(order)]
        return erp if lines and all(quantity == committed for _, quantity, committed in lines) else None

    return await loop.until(look, "all orders are confirmed in the ERP")


async def covered(loop: Loop, requirement: str, state: str) -> list[tuple[str, str]]:
    """Quantity and day of the coverage reported to the planning system, once all of it is in the state."""

    async def look() -> Any:
        reported = (await loop.books("aps"))["coverage_by_reference"].get(requirement.partition("~")[2], [])
        schedule_lines = [part for each in reported for part in each["scheduleLines"]]
        return schedule_lines if schedule_lines and {part["state"] for part in schedule_lines} == {state} else None

    schedule_lines = await loop.until(look, f"the planning system knows {requirement} as {state}")
    return [(part["quantity"], part["date"]) for part in schedule_lines]


async def entered_once(loop: Loop) -> str:
    """The number of the one order that the ERP ever had, of its one requisition, once all of it is confirmed."""
    erp = await confirmed(loop)
    [_], [order] = erp["requisitions"], erp["orders"]
    return str(order["PurchaseOrder"])
