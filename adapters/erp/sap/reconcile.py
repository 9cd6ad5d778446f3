"""Brings a document in SAP to its requested state: read, write only what is missing, read again.

Decided here: that a system may accept a write and hold something else, and that the write of an abandoned attempt may
arrive in between. Not decided here: what is missing (difference.py).
"""

from collections.abc import Awaitable, Callable

from adapters.erp.sap.batch import Operation
from adapters.erp.sap.odata import SYSTEM, ODataService
from adapters.erp.sap.settle_policy import SettlePolicy
from adapters.erp.sap.units import UnknownUnit
from adapters.erp.sap.values import DoesNotFit
from canonical.order import Refused, WriteOutcome, Written

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
                return refused
            operations = left
            refused = await service.change(left, key=key) if left else None
        return refused or await _verified(what, len(operations), missing, settle_policy)
    except DoesNotFit as error:
        return Refused(system=SYSTEM, code="does_not_fit", reason=str(error))
    except UnknownUnit as error:
        return Refused(system=SYSTEM, code="unknown_unit", reason=str(error))


async def _verified(what: str, writes: int, missing: Missing, settle_policy: SettlePolicy) -> WriteOutcome:
    """Read again, for the settle time: a replica may be a moment behind."""
    left = await settle_policy.look_until(missing, lambda left: left == [])
    if left == []:
        return Written(reference=what, writes=writes)
    still = left.reason if isinstance(left, Refused) else ", ".join(one.path for one in left)[:200]
    reason = f"document {what} is not as it was written; still different: {still}"
    return Refused(system=SYSTEM, code="not_as_written", reason=reason)
