"""Reading: master data as the system keeps it, exactly, from however many pages."""

from collections.abc import Sequence
from functools import partial

from adapters.errors import AdapterError, TransientError
from canonical.sourcing import ItemAtPlant, UnknownItem
from conformance.erp.trial import Case, Trial, case, for_each_fault
from conformance.faults import UNREADABLE, CallFault, FaultKind
from conformance.verdict import CannotHappen


def _items(trial: Trial) -> Sequence[ItemAtPlant]:
    if not trial.bench.items:
        raise CannotHappen("the bench names no items")
    return trial.bench.items


@case("Items are read with their units, sources, prices and lead times exactly.")
async def items_exactly(trial: Trial) -> None:
    """Each item that the bench knows."""
    async with trial.adapter() as adapter:
        for wanted in _items(trial):
            read = await trial.call(
                adapter, partial(adapter.system.master_data.item_at_plant, wanted.plant, wanted.item)
            )
            trial.require(read == wanted, _difference(wanted, read), "read every field from where the system keeps it")


def _difference(wanted: ItemAtPlant, read: object) -> str:
    if not isinstance(read, ItemAtPlant):
        return f"{read!r} for item {wanted.item}"
    ours, theirs = wanted.model_dump(), read.model_dump()
    return "; ".join(
        f"{name}: {theirs[name]!r} instead of {ours[name]!r}" for name in ours if ours[name] != theirs[name]
    )


@case("An item that the system does not know is an UnknownItem, not an error.")
async def unknown_item(trial: Trial) -> None:
    """No such item; no such plant."""
    async with trial.adapter() as adapter:
        for plant, item in ((trial.bench.template.plant, "NO-SUCH-ITEM-9"), ("NO-SUCH-PLANT", _items(trial)[0].item)):
            read = await trial.call(adapter, partial(adapter.system.master_data.item_at_plant, plant, item))
            trial.require(
                isinstance(read, UnknownItem) and bool(read.detail),
                f"{read!r} for item {item} at plant {plant}",
                "return UnknownItem",
            )


@case("All items of a plant are read ahead, from however many pages the system makes of them.")
async def all_pages(trial: Trial) -> None:
    """More than one page."""
    async with trial.adapter() as adapter:
        there = trial.bench.items_at_plant
        if not there:
            raise CannotHappen("the bench says of no number of items at the plant")
        read = await trial.call(adapter, partial(adapter.system.master_data.prefetch, [trial.bench.template.plant]))
        trial.require(
            read == there,
            f"{read!r} items were read ahead, the system keeps {there}",
            "follow the pages to the last; order by the key, so that none is skipped",
        )


@for_each_fault(
    "Master data that can't be read is an adapter's error; the next read is right.",
    (CallFault(FaultKind.LOST_BEFORE), *UNREADABLE),
)
async def unreadable_items(trial: Trial, fault: CallFault) -> None:
    """Each call of reading an item."""
    wanted = _items(trial)[0]
    async with trial.adapter() as adapter:
        await trial.call(adapter, partial(adapter.system.master_data.item_at_plant, wanted.plant, wanted.item))
        calls = adapter.faults.count

    async def one(nth: int) -> None:
        async with trial.adapter() as adapter:
            read = partial(adapter.system.master_data.item_at_plant, wanted.plant, wanted.item)
            adapter.faults.strike(nth, fault)
            first = await trial.call(adapter, read)
            trial.require(
                isinstance(first, AdapterError) or first == wanted,
                f"{first!r} after {fault} at {', '.join(adapter.faults.struck)}",
                "take only an answer of the expected shape for an empty list",
            )
            trial.require(
                not (isinstance(first, TransientError) and first.maybe_written),
                f"{first!r} is maybe written",
                "a read writes nothing",
            )
            again = await trial.call(adapter, read)
            trial.require(again == wanted, f"{again!r} when it was read again", "keep no failure")

    await trial.at_each_call(calls, one)


CASES: Sequence[Case] = (items_exactly, unknown_item, all_pages, *unreadable_items)

__all__ = ["CASES"]
