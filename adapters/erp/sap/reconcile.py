"""Brings a document in SAP to its requested state: read, write only what is missing, read again.

Decided here: that a system may accept a write and hold something else, and that the write of an abandoned attempt may
arrive in between; that a refusal says what was wanted and what was found. Not decided here: what is missing
(difference.py).
"""

from collections.abc import Awaitable, Callable, Sequence

from adapters.erp.sap.batch import Operation
from adapters.erp.sap.odata import SYSTEM, ODataService
from adapters.erp.sap.settle_policy import SettlePolicy
from adapters.erp.sap.units import UnknownUnit
from adapters.erp.sap.values import DoesNotFit
from canonical.order import Refused, WriteOutcome, Written

_TOLD_MAX = 300

Missing = Callable[[], Awaitable[list[Operation] | Refused]]
"""Reads the document and returns what is missing now."""


async def reconcile(
    service: ODataService, what: str, missing: Missing, *, key: str, settle_policy: SettlePolicy
) -> WriteOutcome:
    """Write what is `missing`, then verify that nothing is; `what` is the document's number."""
    try:
        operations = await missing()
        if isinstance(operations, Refused):
            return operations
        if not operations:
            return Written(reference=what, writes=0)
        refused = await service.change(operations, key=key)
        if refused is not None:
            # The write of an abandoned attempt may have arrived in between; then less is missing now.
            left = await missing()
            if left == operations or isinstance(left, Refused):
                return _with_values(refused, operations)
            operations = left
            refused = await service.change(left, key=key) if left else None
        if refused is not None:
            return _with_values(refused, operations)
        return await _verified(what, len(operations), missing, settle_policy)
    except DoesNotFit as error:
        return Refused(system=SYSTEM, code="does_not_fit", reason=str(error))
    except UnknownUnit as error:
        return Refused(system=SYSTEM, code="unknown_unit", reason=str(error))


async def _verified(what: str, writes: int, missing: Missing, settle_policy: SettlePolicy) -> WriteOutcome:
    """Read again, for the settle time: a replica may be a moment behind."""
    left = await settle_policy.look_until(missing, lambda left: left == [])
    if left == []:
        return Written(reference=what, writes=writes)
    still = left.reason if isinstance(left, Refused) else _told(left)
    reason = f"document {what} is not as it was written; {still}"
    return Refused(system=SYSTEM, code="not_as_written", reason=reason)


def _with_values(refused: Refused, operations: Sequence[Operation]) -> Refused:
    """SAP's refusal with what was wanted and found, of the line it names if it names one."""
    of_line = [one for one in operations if one.told.startswith((f"line {refused.line}:", f"line {refused.line},"))]
    return refused.model_copy(update={"reason": f"{refused.reason} ({_told(of_line or operations)})"})


def _told(operations: Sequence[Operation]) -> str:
    return "; ".join(one.told or one.path for one in operations)[:_TOLD_MAX]
