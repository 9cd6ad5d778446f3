"""What a counterpart answers that nothing can hold is an error that a person can read, not a failure without words."""

from decimal import Decimal, InvalidOperation
from typing import cast

import pytest
from temporalio.exceptions import ApplicationError

from activities.boundary import counterpart
from activities.ports import LedgerPort
from canonical.base import Quantity
from canonical.calls import Call
from canonical.order import DeliveryLine
from tests.workflows.plant import today

CALL = Call(key="k", correlation_id="c")


async def failure_of(error: Exception) -> ApplicationError:
    with pytest.raises(ApplicationError) as failed:
        async with counterpart(cast(LedgerPort, None), CALL):
            raise error
    return failed.value


@pytest.mark.parametrize("error", [ValueError("a day of no calendar"), InvalidOperation(), KeyError("PurchaseOrder")])
async def test_an_answer_that_can_not_be_used_is_told_with_its_cause_and_not_repeated_at_once(error: Exception) -> None:
    failure = await failure_of(error)
    assert (failure.type, failure.non_retryable) == ("PermanentError", True)
    assert f"the counterpart's answer can't be used: {type(error).__name__}" in failure.message


@pytest.mark.parametrize(("day", "quantity"), [("9999-12-31", "1"), ("2026-06-15", "1E+13"), ("2026-06-15", "NaN")])
def test_a_delivery_that_no_arithmetic_survives_is_no_delivery(day: str, quantity: str) -> None:
    with pytest.raises(ValueError, match="validation error"):
        DeliveryLine.model_validate({"date": day, "quantity": quantity, "committed": "0"})
    kept: Quantity = Decimal(1)
    assert DeliveryLine(date=today(), quantity=kept, committed=kept).quantity == 1
