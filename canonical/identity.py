"""Ids of entities and documents: one function each, the same on every machine and every attempt."""

import base64
import hashlib
import re
from typing import NewType

RequirementId = NewType("RequirementId", str)
OrderId = NewType("OrderId", str)
ExceptionId = NewType("ExceptionId", str)
PlanRunId = NewType("PlanRunId", str)
ChangeId = NewType("ChangeId", str)
StockId = NewType("StockId", str)

_UNSAFE = re.compile(r"[^A-Za-z0-9._~-]+")


def short_hash(*parts: str, length: int = 10) -> str:
    """A stable lower-case base-32 digest of the parts, for references that foreign fields cut short."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return base64.b32encode(digest).decode().lower()[:length]


def document_reference(idempotency_key: str) -> str:
    """The reference of a document to a supplier (14 characters), by which acknowledgements name it: the same for the
    same idempotency key.
    """
    return short_hash(idempotency_key, length=14).upper()


def requirement_key(source: str, demand_reference: str) -> str:
    """R1: the source and its stable demand reference, made safe for a path.

    A digest distinguishes references that differ only in characters a path can't carry.
    """
    plain = f"{source}~{demand_reference}"
    safe = _UNSAFE.sub("-", plain)
    if safe != plain or len(safe) > 80:
        safe = f"{safe[:60]}~{short_hash(plain)}"
    return safe


def requirement_id(plant: str, item: str, source: str, demand_reference: str) -> RequirementId:
    """`requirement/{plant}/{item}/{key}`; also the workflow id."""
    return RequirementId(f"requirement/{plant}/{item}/{requirement_key(source, demand_reference)}")


def order_id(plant: str, supplier: str, opened_by: str) -> OrderId:
    """`order/{plant}/{supplier}/{key of what opened it}`; also the workflow id."""
    return OrderId(f"order/{plant}/{supplier}/{short_hash(opened_by)}")


def exception_id(raised_by: str, number: int) -> ExceptionId:
    """`exception/{digest of the entity and its n-th exception}`; also the workflow id."""
    return ExceptionId(f"exception/{short_hash(raised_by, str(number), length=12)}")


def plan_run_id(source: str, plant: str, version: int) -> PlanRunId:
    """`plan-run/{source}/{plant}/{version}`; also the workflow id."""
    return PlanRunId(f"plan-run/{source}/{plant}/{version}")


def change_id(plant: str, assembly: str, revision: str) -> ChangeId:
    """`change/{plant}/{assembly}/{revision}` of an engineering change; also the workflow id."""
    return ChangeId(f"change/{plant}/{assembly}/{revision}")


def stock_id(plant: str, item: str) -> StockId:
    """`stock/{plant}/{item}` of an item's available stock; also the workflow id."""
    return StockId(f"stock/{plant}/{item}")


def external_reference(of_order: str) -> str:
    """The 12 characters by which the ERP knows our order (SAP: CorrespncExternalReference)."""
    return "PL" + short_hash(of_order).upper()


def requirement_reference(of_requirement: str) -> str:
    """The 10 characters by which an ERP item names its requirement (SAP: RequirementTracking)."""
    return short_hash(of_requirement).upper()
