"""Transitions are the currency: what the happy path costs in history events and billable actions, in one table.

The counts are exact. A change that adds to any of them fails here and has to say why it is worth it. A task that
nothing woke is not counted: a query or a busy machine splits one in two while its local activities run, and the server
adds one when a test steps its clock during another.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from tests.workflows.harness import Harness

EVENTS: Mapping[str, int] = {
    "requirement": 12,
    "order of one line": 46,
    "order of four lines": 46,
}
"""One marker is that of asking for the policy before the
answer is judged: a change of policy takes effect on the next decision. One timer waits for the confirmed date to pass,
and is cancelled by the receipt."""
ACTIONS: Mapping[str, int] = {
    "requirement": 4,
    "order of one line": 15,
    "order of four lines": 15,
}
"""Starts, activities, tasks that ran local activities, timers, signals, updates, upserts, two per child."""


BY_COMMAND = frozenset(
    {
        EventType.EVENT_TYPE_MARKER_RECORDED,
        EventType.EVENT_TYPE_TIMER_STARTED,
        EventType.EVENT_TYPE_TIMER_CANCELED,
        EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
        EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
        EventType.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED,
        EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED,
        EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED,
    }
)
"""What the workflow asked for, and an activity's start: none of it wakes the workflow."""


async def test_the_happy_path_costs_as_many_events_as_the_table_states(harness: Harness) -> None:
    histories = await happy_path(harness, ["CHAIN"], "Cyclops", "order of one line")
    histories |= await happy_path(harness, ["BELL", "BOLT", "RIM", "SPOKE"], "Trey", "order of four lines")

    for entity, history in histories.items():
        kept = Counter(EventType.Name(event.event_type).removeprefix("EVENT_TYPE_") for event in history)
        assert len(history) == EVENTS[entity], f"{entity}: {len(history)} events, {kept}"
        assert billable(history) == ACTIONS[entity], f"{entity}: {billable(history)} actions, {kept}"


def test_a_task_that_nothing_woke_is_not_counted() -> None:
    scheduled, started, completed, marker, signal, activity = (
        EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
        EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
        EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
        EventType.EVENT_TYPE_MARKER_RECORDED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
        EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
    )
    task = (scheduled, started, completed)

    def left(*history: EventType.ValueType) -> list[EventType.ValueType]:
        return [event.event_type for event in woken([HistoryEvent(event_type=one) for one in history])]

    split = (signal, *task, marker, *task, marker, *task, signal, *task)
    assert left(*split) == [signal, *task, marker, marker, signal, *task]
    stepped_during_the_task = (signal, *task, marker, activity, *task)
    assert left(*stepped_during_the_task) == [signal, *task, marker, activity]
    two_signals_and_a_task_between_them = (signal, *task, signal, *task, signal, signal, *task)
    assert left(*two_signals_and_a_task_between_them) == list(two_signals_and_a_task_between_them)


async def happy_path(
    harness: Harness, items: Sequence[str], supplier: str, name: str
) -> dict[str, Sequence[HistoryEvent]]:
    """From the need to the receipt; the histories of one requirement and of the order."""
    requirements = []
    for item in items:
        requirements.append(await harness.plan(harness.need(harness.item(item, supplier))))
        await harness.until(lambda: harness.at_rest(requirements[-1]))
    order = await harness.ordered(requirements[0])
    await harness.skip_consolidation(order)
    await quiet(harness, order.id, "order.sent")
    order = await harness.order_of(requirements[0])
    assert len(order.lines) == len(items)
    await harness.answer(order)
    await quiet(harness, order.id, "order.answered")
    await harness.receive(await harness.order_of(requirements[0]))
    assert await harness.ended(order.id) == "closed"
    for requirement in requirements:
        assert await harness.ended(requirement) == "fulfilled"
    return {"requirement": await history_of(harness, requirements[-1]), name: await history_of(harness, order.id)}


async def quiet(harness: Harness, order: str, after: str) -> None:
    """Until the order has noted it and rests."""
    await harness.registered(order, after)
    await harness.until(lambda: harness.at_rest(order))


async def history_of(harness: Harness, entity: str) -> Sequence[HistoryEvent]:
    """The events, without what stepping a clock adds to them."""
    history = await harness.handle(entity).fetch_history()
    stepping = (EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED,)
    return woken(
        [
            event
            for event in history.events
            if event.event_type not in stepping and "TIME_SKIPPING" not in EventType.Name(event.event_type)
        ]
    )


def woken(events: Sequence[HistoryEvent]) -> list[HistoryEvent]:
    """The events without the tasks that nothing woke: only commands' events lie between them and the task before.

    A task has three events: scheduled, started, completed.
    """
    kept: list[HistoryEvent] = []
    rest = list(events)
    while rest:
        event = rest.pop(0)
        before = next((one for one in reversed(kept) if one.event_type not in BY_COMMAND), None)
        if (
            event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED
            and before is not None
            and before.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
        ):
            del rest[:2]
        else:
            kept.append(event)
    return kept


def billable(history: Sequence[HistoryEvent]) -> int:
    """The actions that Temporal Cloud would count, retries and heartbeats aside."""
    types = Counter(EventType.Name(event.event_type).removeprefix("EVENT_TYPE_") for event in history)
    tasks, tasks_with_local_activities = 0, set[int]()
    for event in history:
        tasks += event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
        if event.HasField("marker_recorded_event_attributes"):
            tasks_with_local_activities.add(tasks)
    return (
        types["WORKFLOW_EXECUTION_STARTED"]
        + types["ACTIVITY_TASK_SCHEDULED"]
        + len(tasks_with_local_activities)
        + types["TIMER_STARTED"]
        + types["WORKFLOW_EXECUTION_SIGNALED"]
        + types["SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED"]
        + types["WORKFLOW_EXECUTION_UPDATE_ACCEPTED"]
        + types["UPSERT_WORKFLOW_SEARCH_ATTRIBUTES"]
        + 2 * types["START_CHILD_WORKFLOW_EXECUTION_INITIATED"]
    )
