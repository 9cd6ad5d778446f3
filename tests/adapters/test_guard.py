"""Where Pegline only observes, no write of any port passes, whatever is called; reads do."""

import inspect
from collections.abc import Iterator
from typing import Any, Protocol

import pytest

from adapters import guard as guards
from adapters import ports
from adapters.errors import TransientError
from adapters.guard import Guard
from canonical.landscape import MaintenanceNotice
from canonical.order import AwaitingApproval, Refused, Written
from tests.adapters.erp.documents import document

NOT_SYSTEMS = {"WebhookPort", "MailPort", "PolicyPort", "LandscapePort"}
"""Subscribers and our own files: not counterparts of the landscape."""


class Recording:
    """Any port: remembers what was called."""

    def __init__(self) -> None:
        self.called: list[str] = []

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **kwargs: Any) -> Written:
            self.called.append(name)
            return Written()

        return call


class Anything:
    """An argument that has whatever is asked of it."""

    order_id = "order/1000/V-100/1"
    plant, order_number, reference, supplier = "1000", "4500000001", "PL1", "V-100"
    lines, changed_lines, item_classes = (), (), ()
    place = "asn/headers/1"


def methods(port: type) -> Iterator[tuple[str, inspect.Signature]]:
    for name, member in vars(port).items():
        if inspect.iscoroutinefunction(member):
            yield name, inspect.signature(member)


def is_write(signature: inspect.Signature) -> bool:
    return "key" in signature.parameters


PORTS = [
    port
    for name, port in vars(ports).items()
    if name.endswith("Port") and name not in NOT_SYSTEMS and isinstance(port, type) and issubclass(port, Protocol)
]


def guarded(port: type, observed: bool, notice: MaintenanceNotice | None = None) -> tuple[Any, Recording]:
    """The guard of the port: the class whose methods are the port's."""
    wanted = {name for name, _ in methods(port)}
    [guard] = [
        each
        for name, each in vars(guards).items()
        if name.startswith("Guarded")
        and {method for method, _ in methods(each) if not method.startswith("_")} == wanted
    ]
    inner = Recording()
    return guard(inner, Guard("SAP North", lambda plant, classes: observed, lambda: notice)), inner


def called(port: type, name: str, signature: inspect.Signature, whole: Any) -> Any:
    names = [each for each in signature.parameters if each != "self"]
    given = {each: "key" if each == "key" else False if each == "maybe_written" else Anything() for each in names}
    return getattr(whole, name)(**given)


@pytest.mark.parametrize("port", PORTS, ids=lambda port: port.__name__)
async def test_no_write_of_any_port_passes_where_pegline_only_observes(port: type) -> None:
    for name, signature in methods(port):
        whole, inner = guarded(port, observed=True)
        answer = await called(port, name, signature, whole)
        if is_write(signature):
            assert inner.called == [], f"{port.__name__}.{name} wrote"
            assert answer.system == "SAP North"
            if isinstance(answer, AwaitingApproval):
                assert answer.observed, "it waits for as long as Pegline observes"
            else:
                assert isinstance(answer, Refused)
                assert (answer.code, "would have" in answer.reason) == ("observed", True)
        else:
            assert inner.called == [name]


@pytest.mark.parametrize("port", PORTS, ids=lambda port: port.__name__)
async def test_every_call_passes_where_it_is_live_and_none_in_maintenance(port: type) -> None:
    for name, signature in methods(port):
        whole, inner = guarded(port, observed=False)
        await called(port, name, signature, whole)
        assert inner.called == [name]
        whole, inner = guarded(port, False, MaintenanceNotice(system="SAP North", until="06:00"))
        with pytest.raises(TransientError, match="SAP North: in maintenance until 06:00") as waits:
            await called(port, name, signature, whole)
        assert inner.called == []
        assert waits.value.retry_after_seconds
        assert not waits.value.maybe_written


async def test_errors_and_refusals_name_the_system_of_the_landscape() -> None:
    class Failing:
        async def place_order(self, *args: Any, **kwargs: Any) -> Refused:
            if kwargs["maybe_written"]:
                raise TransientError("erp", "503", maybe_written=True)
            return Refused(system="erp", code="locked", reason="in use")

    whole = guards.GuardedErp(Failing(), Guard("sap-north", lambda plant, classes: False, lambda: None))  # type: ignore[arg-type]
    refused = await whole.place_order(document(), key="k", maybe_written=False)
    assert isinstance(refused, Refused)
    assert refused.system == "sap-north"
    with pytest.raises(TransientError, match=r"^sap-north: 503$") as failed:
        await whole.place_order(document(), key="k", maybe_written=True)
    assert failed.value.__cause__ is not failed.value, "who follows the causes would come to no end"
    assert failed.value.maybe_written
