"""Calls whose outcome nobody knows: however they fail, there is one requisition, one order, one document."""

from typing import Any

import pytest

from tests.scenarios.books import confirmed, entered_once
from tests.scenarios.loop import CALL_SECONDS, SETTLE_SECONDS, Loop

REQUISITION, ORDER = "A_PurchaseRequisitionHeader$", "A_PurchaseOrder$"
LATE = CALL_SECONDS + SETTLE_SECONDS / 3
"""Written when the caller has given up, and before it may be sure that nothing was."""


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("write_late", {"seconds": LATE}),
        ("timeout_after_write", {"seconds": LATE}),
        ("cut", {}),
        ("status", {"status": 500}),
        ("status", {"status": 429, "retry_after": 1}),
    ],
    ids=["written late", "answered too late", "cut", "500", "429"],
)
async def test_there_is_one_requisition_and_one_order_whatever_the_erp_does(
    loop: Loop, kind: str, how: dict[str, Any]
) -> None:
    for path in (REQUISITION, ORDER):
        await loop.fault("erp", kind, path, **how)
    [requirement] = await loop.plan(FRAME=40)
    await loop.order(requirement, "acknowledged")
    number = await entered_once(loop)
    assert await loop.struck("erp") == [True, True]
    assert (await loop.staged(requirement, "covered"))["exception_id"] is None
    assert list((await loop.books("edi"))["orders"]) == [number]


@pytest.mark.parametrize(
    ("kind", "how"),
    [("timeout_after_write", {"seconds": LATE}), ("write_late", {"seconds": LATE}), ("cut", {})],
    ids=["answered too late", "written late", "cut"],
)
async def test_the_supplier_has_the_order_once_whatever_its_gateway_does(
    loop: Loop, kind: str, how: dict[str, Any]
) -> None:
    await loop.fault("edi", kind, "messages$", **how)
    [requirement] = await loop.plan(FRAME=40)
    order = await loop.order(requirement, "acknowledged")
    await confirmed(loop)
    assert await loop.struck("edi") == [True]
    edi = await loop.books("edi")
    assert list(edi["orders"]) == [order["order_number"]]
    assert (edi["counts"]["received"], edi["counts"]["stale"], edi["counts"]["refused"]) == (1, 0, 0)


async def test_the_planning_system_ends_up_with_the_coverage_that_first_failed_to_reach_it(loop: Loop) -> None:
    for kind, how in (("cut", {}), ("status", {"status": 500}), ("timeout_after_write", {"seconds": LATE})):
        await loop.fault("aps", kind, "/coverage/", method="PUT", **how)
    [requirement] = await loop.plan(FRAME=40)
    await loop.order(requirement, "acknowledged")
    await loop.until(lambda: _reported(loop), "the planning system knows the coverage")
    await loop.at_rest()
    assert await loop.struck("aps") == [True, True, True]
    [coverage] = (await loop.books("aps"))["coverage"].values()
    assert [[part["state"] for part in row["scheduleLines"]] for row in coverage["requirements"]] == [["confirmed"]]
    assert len(await loop.writes("aps")) == 1


async def _reported(loop: Loop) -> Any:
    return (await loop.books("aps"))["coverage"]
