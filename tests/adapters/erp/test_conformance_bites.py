"""The conformance suite fails for adapters that are wrong, in the case that is about it."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from adapters.errors import PermanentError, TransientError
from canonical.order import OrderDocument
from conformance.erp.suite import CASES
from conformance.verdict import Nonconforming
from tests.adapters.erp.sap_bench import ConnectedSap, SapBench


class Forgetful(ConnectedSap):
    """Looks once after a lost answer, and creates again."""

    def __init__(self, client: httpx.AsyncClient, settle_seconds: float, second_create_seconds: float) -> None:
        super().__init__(client, 0.0, 0.0)


def changed(connected: ConnectedSap, change: Callable[[OrderDocument], OrderDocument]) -> None:
    right = connected.orders

    class Wrong:
        async def place_order(self, document: OrderDocument, **given: Any) -> Any:
            try:
                return await right.place_order(change(document), **given)
            except TransientError as error:
                if error.retry_after_seconds == 7:
                    raise PermanentError("erp", "busy") from error
                raise

        async def change_order(self, document: OrderDocument, **given: Any) -> Any:
            return await right.change_order(change(document), **given)

    connected.orders = Wrong()  # type: ignore[assignment]


class Overwriting(ConnectedSap):
    """Does not look at what was written before; takes a busy system for a fault for people."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        changed(self, lambda document: with_lines(document, written=lambda line: None))


class Inexact(ConnectedSap):
    """Rounds quantities, and is a day late."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        day = dt.timedelta(days=1)
        rounded = {"quantity": lambda line: max(Decimal(1), round(line.quantity))}
        changed(
            self, lambda document: with_lines(document, delivery_date=lambda one: one.delivery_date + day, **rounded)
        )


def with_lines(document: OrderDocument, **change: Callable[[Any], Any]) -> OrderDocument:
    lines = (one.model_copy(update={name: to(one) for name, to in change.items()}) for one in document.lines)
    return document.model_copy(update={"lines": tuple(lines)})


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        (Forgetful, "not_created_again_too_early"),
        (Overwriting, "persons_edit[quantity]"),
        (Overwriting, "busy[429 with Retry-After]"),
        (Inexact, "quantities_exactly"),
        (Inexact, "every_line_as_asked"),
    ],
)
async def test_a_wrong_adapter_fails(wrong: type[ConnectedSap], name: str) -> None:
    class Bench(SapBench):
        def connect(self, client: httpx.AsyncClient, **times: float) -> Any:
            return wrong(client, times["settle_seconds"], times["second_create_seconds"])

    bench = Bench()
    await bench.load()
    (case,) = (one for one in CASES if one.name == name)
    with pytest.raises(Nonconforming, match=r"(?s)rule: .*seen: .*do: "):
        await case.run(bench)
    await bench.simulator.settled()
