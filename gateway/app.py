"""The composition of the gateway as a web application: routes, intake and relay, from the parts that it is given."""

import asyncio
import contextlib
import datetime as dt
import functools
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping
from typing import Any

from fastapi import FastAPI
from opentelemetry.trace import Tracer, TracerProvider

from adapters.ports import LandscapePort, PolicyPort, ReplyPort, SupplierDialect
from gateway import problems
from gateway.access import login
from gateway.access.access import Access
from gateway.access.identify import Identify
from gateway.access.senders import Senders
from gateway.delivery.addressing import OrderAddresses
from gateway.delivery.delivery import ChangeDelivery, Deliverer, EntityMessages, OrderDelivery, RequirementDelivery
from gateway.delivery.relay import Relay, RelayPace
from gateway.delivery.replies import ReplyDelivery
from gateway.delivery.stock import StockDelivery
from gateway.door import Door
from gateway.intake import dead_letters
from gateway.intake import routes as intake
from gateway.intake.events import Recipient
from gateway.intake.intake import Intake, SystemReaders
from gateway.measuring import Measurer
from gateway.notifications import routes as notifications
from gateway.notifications.sender import Notifier, Telling
from gateway.pages import (
    bulk,
    home,
    inbox,
    inbox_events,
    kpi_exports,
    latency_map,
    operations,
    plan_uploads,
    plans,
    question,
    question_events,
    static,
    suppliers,
)
from gateway.pages import changes as change_pages
from gateway.pages import kpis as kpi_pages
from gateway.pages import orders as order_pages
from gateway.pages import requirements as requirement_pages
from gateway.pages import traces as trace_pages
from gateway.pages.refusals import RefusalPages
from gateway.parts import Entities, Parts
from gateway.plan_runs import routes as plan_runs
from gateway.plan_runs.fetching import PlanFetcher, PlanSources
from gateway.plan_runs.intake import PlanIntake
from gateway.plan_runs.uploaded import FILE_BYTES_MAX
from gateway.promise_warnings import PromiseWarnings
from gateway.promises import PromiseBook
from gateway.risks import RiskWatch
from gateway.tracing import RequestSpans, gateway_tracer
from gateway.views import (
    asyncapi,
    availability,
    changes,
    conversation,
    docs,
    exceptions,
    health,
    kpis,
    orders,
    requirements,
)
from gateway.work_feed import WorkFeed
from ledger.ledger import Ledger

_DESCRIPTION = """Pegline closes the loop from a published plan to confirmed and received orders.

Every POST is safe to repeat. Errors are RFC 9457 problems that name the field, the value and the next step. Times are
RFC 3339 with an offset, business dates ISO, quantities and prices decimal strings, units UN/ECE Rec 20 codes."""


_FORM_BYTES = 64 * 1024
"""What a form takes beside its file."""
_IN_ORDER = (
    availability,
    intake,
    plan_runs,
    requirements,
    orders,
    changes,
    exceptions,
    conversation,
    kpis,
    dead_letters,
    notifications,
    health,
    docs,
    asyncapi,
)
"""Availability first: it gets by far the most requests."""
_PAGES = (
    home,
    inbox_events,
    inbox,
    bulk,
    login,
    question_events,
    question,
    plan_uploads,
    plans,
    operations,
    requirement_pages,
    trace_pages,
    order_pages,
    change_pages,
    latency_map,
    kpi_exports,
    kpi_pages,
    suppliers,
    static,
)
"""The steps of an upload before the runs: /plans/new is no number."""


def utc_now() -> dt.datetime:
    """The wall clock."""
    return dt.datetime.now(dt.UTC)


def create_app(
    ledger: Ledger,
    entities: Entities,
    dialects: Mapping[str, SupplierDialect],
    policies: PolicyPort,
    today: Callable[[str], dt.date],
    *,
    now: Callable[[], dt.datetime] = utc_now,
    relay: bool = True,
    relay_pace: RelayPace | None = None,
    unknown_order_grace: dt.timedelta = dt.timedelta(seconds=30),
    undelivered_age_max: dt.timedelta = dt.timedelta(minutes=5),
    body_limit_bytes: int = 4 * 1024 * 1024,
    host_names: Collection[str] = (),
    replies: Callable[[str], ReplyPort | None] | None = None,
    telling: Telling | None = None,
    tracer_provider: TracerProvider | None = None,
    temporal_ui: str = "",
    access: Access | None = None,
    senders: Senders | None = None,
    landscape: LandscapePort | None = None,
    plan_sources: PlanSources | None = None,
    systems: SystemReaders = lambda name: None,
) -> FastAPI:
    """Build the gateway. With `relay` False it takes messages in and leaves their delivery to another process.

    `today` is the day at a plant, by which required dates are measured; `now` the wall clock (receipt of messages, time
    of decisions). An order number that the ledger does not know yet is waited for as long as `unknown_order_grace`,
    since an answer may overtake the record of the order it answers. `host_names`: with a dot, under which the gateway
    may be addressed; its IP address and names without a dot are always accepted. `replies` sends by
    each channel the acknowledgements that suppliers ask for; None: none are sent. `telling`: who is told of what
    happens; None: nobody. `access` identifies callers; None: nobody is asked, and the gateway must not be reachable
    from elsewhere. `senders` sign what they send. `temporal_ui`: the address of the namespace in Temporal's UI, to
    which the operators' pages link; empty: they name workflows without a link. `landscape`: which systems own what;
    None: there is one of each kind, and the plants' policies say who may send what. `plan_sources`: the planning
    systems whose plans are read; None: all send them. `systems` read the documents of those that send no events.
    """
    tracer = gateway_tracer(tracer_provider)
    addresses = OrderAddresses(policies, landscape)
    deliverers = _deliverers(ledger, entities, now, unknown_order_grace, tracer, replies, addresses)
    relaying = Relay(ledger, deliverers, dialects, relay_pace)
    promises = PromiseBook(ledger.promises, policies, today)
    risks = RiskWatch(ledger, promises, policies, today)
    warnings = PromiseWarnings(ledger, risks, policies, entities, today, now)
    works: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
        "relay": relaying.run,
        "measurer": Measurer(ledger).run,
        "risks": functools.partial(risks.run, warnings.look),
    }
    if telling is not None:
        works["notifier"] = Notifier(ledger, telling, policies, now).run
    plan_intake = PlanIntake(ledger, entities, policies, today, now, landscape=landscape)
    fetcher = PlanFetcher(ledger, plan_intake, plan_sources) if plan_sources is not None else None
    if fetcher is not None:
        works["plan reader"] = fetcher.run
    app = FastAPI(
        title="Pegline",
        version="1",
        description=_DESCRIPTION,
        lifespan=_running(works) if relay else None,
        docs_url=None,
        redoc_url=None,
        # FastAPI's own spans would record each request twice, in a separate trace and with its query.
        telemetry={"tracing": False},
    )
    app.state.relay = relaying
    app.state.warnings = warnings
    app.state.access = access
    app.state.senders = senders or Senders()
    app.state.parts = Parts(
        ledger=ledger,
        entities=entities,
        policies=policies,
        intake=Intake(ledger, dialects, policies, today, now, relaying.wake, landscape, systems),
        plan_intake=plan_intake,
        relay=relaying,
        today=today,
        now=now,
        work_feed=WorkFeed(ledger.work_list),
        relay_expected=relay,
        undelivered_age_max=undelivered_age_max,
        promises=promises,
        risks=risks,
        temporal_ui=temporal_ui.rstrip("/"),
        landscape=landscape,
        telling=telling,
        plan_faults=(lambda: fetcher.faults) if fetcher is not None else tuple,
    )
    app.openapi = lambda: docs.describe(app)  # type: ignore[method-assign]
    problems.install(app)
    app.add_middleware(
        Door,
        body_bytes_max=body_limit_bytes,
        streams=frozenset({"/v1/plan-runs"}),
        larger={"/plans/new": FILE_BYTES_MAX + _FORM_BYTES},
        typed=frozenset({"/v1/plan-runs", "/v1/events"}),
        host_names=host_names,
    )
    app.add_middleware(Identify, access=access)
    app.add_middleware(RefusalPages)
    app.add_middleware(RequestSpans, tracer=tracer)
    for part in (*_IN_ORDER, *_PAGES):
        app.include_router(part.routes)
    return app


def _deliverers(
    ledger: Ledger,
    entities: EntityMessages,
    now: Callable[[], dt.datetime],
    unknown_order_grace: dt.timedelta,
    tracer: Tracer,
    replies: Callable[[str], ReplyPort | None] | None,
    addresses: OrderAddresses,
) -> dict[Recipient, Deliverer]:
    stock = StockDelivery(ledger, entities, tracer)
    return {
        Recipient.REQUIREMENT: RequirementDelivery(ledger, entities, tracer, stock),
        Recipient.ORDER: OrderDelivery(ledger, entities, tracer, now, unknown_order_grace, addresses),
        Recipient.CHANGE: ChangeDelivery(ledger, entities, tracer),
        Recipient.STOCK: stock,
        Recipient.SUPPLIER: ReplyDelivery(replies),
    }


def _running(
    works: Mapping[str, Callable[[], Coroutine[Any, Any, None]]],
) -> Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]]:
    """What goes on beside the requests, by name."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(work(), name=name) for name, work in works.items()]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    return lifespan


__all__ = ["create_app", "utc_now"]
