"""Brings a document in the ERP to its requested state: read, write only what is missing, read again.

Decided here: that a system may accept a write and hold something else, and that the write of an abandoned attempt may
arrive in between; that a refusal says what was wanted and what was found. Not decided here: what is missing, and how it
is written.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from adapters.erp.remote import NotWritable
from adapters.erp.settle_policy import SettlePolicy
from canonical.order import Refused, WriteOutcome, Written

_TOLD_MAX = 300


class Write(Protocol):
    """One write of a dialect; two that do the same are equal."""

    @property
    def told(self) -> str:
        """What is wanted and what was found, in words: `line 10: quantity 80 wanted, 100 found`."""
        ...


AnyWrite = TypeVar("AnyWrite", bound=Write)


async def reconcile(
    system: str,
    what: str,
    missing: Callable[[], Awaitable[list[AnyWrite] | Refused]],
    change: Callable[[Sequence[AnyWrite]], Awaitable[Refused | None]],
    *,
    settle_policy: SettlePolicy,
) -> WriteOutcome:
    """Write what is `missing`, which reads the document, by `change`; then verify that nothing is missing any more.

    `what` is the document's number.
    """
    try:
        operations = await missing()
        if isinstance(operations, Refused):
            return operations
        if not operations:
            return Written(reference=what, writes=0)
        refused = await change(operations)
        if refused is not None:
            # The write of an abandoned attempt may have arrived in between; then less is missing now.
            left = await missing()
            if left == operations or isinstance(left, Refused):
                return _with_values(refused, operations)
            operations = left
            refused = await change(left) if left else None
        if refused is not None:
            return _with_values(refused, operations)
        return await _verified(system, what, len(operations), missing, settle_policy)
    except NotWritable as error:
        return Refused(system=system, code=error.code, reason=str(error))


async def _verified(
    system: str,
    what: str,
    writes: int,
    missing: Callable[[], Awaitable[list[AnyWrite] | Refused]],
    settle_policy: SettlePolicy,
) -> WriteOutcome:
    """Read again, for the settle time: a replica may be a moment behind."""
    left = await settle_policy.look_until(missing, lambda left: left == [])
    if left == []:
        return Written(reference=what, writes=writes)
    still = left.reason if isinstance(left, Refused) else _told(left)
    reason = f"document {what} is not as it was written; {still}"
    return Refused(system=system, code="not_as_written", reason=reason)


def _with_values(refused: Refused, operations: Sequence[AnyWrite]) -> Refused:
    """The ERP's refusal with what was wanted and found, of the line it names if it names one."""
    of_line = [one for one in operations if one.told.startswith((f"line {refused.line}:", f"line {refused.line},"))]
    return refused.model_copy(update={"reason": f"{refused.reason} ({_told(of_line or operations)})"})


def _told(operations: Sequence[AnyWrite]) -> str:
    return "; ".join(one.told or str(one) for one in operations)[:_TOLD_MAX]
