"""One trace from the hook to the ERP call: spans of requests and deliveries, and the correlation id.

Decided here: which trace a delivery continues. Not here: the exporter, which the composition root sets up; without one,
spans cost nothing and the sender's trace id is still passed on.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.propagate import extract
from opentelemetry.trace import Link, SpanKind, Status, StatusCode, Tracer, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from canonical.identity import short_hash

CORRELATION_ID = "pegline.correlation_id"

correlation_in_hand: ContextVar[str] = ContextVar("correlation_in_hand", default="")
"""The correlation id of the current request or delivery, for its log lines."""

_W3C = TraceContextTextMapPropagator()
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_QUIET = ("/healthz", "/readyz")


class RequestSpans:
    """ASGI middleware: one server span a request, continuing the caller's trace."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request inside its span."""
        if scope["type"] != "http" or scope["path"] in _QUIET:
            await self._app(scope, receive, send)
            return
        carrier = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        method = scope["method"]
        with self._tracer.start_as_current_span(
            method,
            context=extract(carrier),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "url.path": scope["path"]},
        ) as span:

            async def record_status(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= 500:
                        span.set_status(Status(StatusCode.ERROR))
                await send(message)

            try:
                await self._app(scope, receive, record_status)
            finally:
                route = getattr(scope.get("route"), "path", None)
                if route is not None:
                    span.update_name(f"{method} {route}")
                    span.set_attribute("http.route", route)


def gateway_tracer(provider: TracerProvider | None) -> Tracer:
    """The gateway's tracer, from the given provider or the process's own."""
    return trace.get_tracer("pegline.gateway", tracer_provider=provider)


def present_traceparent() -> str | None:
    """The W3C traceparent of the current span; None outside of any trace."""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier)
    return carrier.get("traceparent")


def usable_traceparent(value: str | None) -> str | None:
    """The value if it is a valid W3C traceparent, else None."""
    match = _TRACEPARENT.fullmatch(value or "")
    return value if match and set(match[1]) != {"0"} else None


def correlation_id(stated: str | None, traceparent: str | None, source: str, event_id: str) -> str:
    """The id that links everything caused by an event: the sender's, else its trace id, else made from its id."""
    match = _TRACEPARENT.fullmatch(traceparent or "")
    return stated or (match[1] if match else short_hash(source, event_id, length=20))


def record_correlation(correlation: str) -> None:
    """Put the correlation id on the current span and on the log lines of the request."""
    correlation_in_hand.set(correlation)
    trace.get_current_span().set_attribute(CORRELATION_ID, correlation)


@contextmanager
def delivering(
    tracer: Tracer, name: str, traceparents: Sequence[str | None], correlation: str, entity: str
) -> Iterator[None]:
    """A span of one delivery: child of the first event's trace, linked to the traces of the other events."""
    contexts = [_context(each) for each in traceparents]
    others = [trace.get_current_span(each).get_span_context() for each in contexts[1:]]
    with tracer.start_as_current_span(
        f"deliver {name}",
        context=contexts[0] if contexts else Context(),
        kind=SpanKind.CONSUMER,
        attributes={CORRELATION_ID: correlation, "pegline.entity": entity, "pegline.messages": len(contexts)},
        links=[Link(each) for each in others if each.is_valid],
    ):
        before = correlation_in_hand.set(correlation)
        try:
            yield
        finally:
            correlation_in_hand.reset(before)


def _context(traceparent: str | None) -> Context:
    return _W3C.extract({"traceparent": traceparent} if traceparent else {}, context=Context())


__all__ = [
    "CORRELATION_ID",
    "RequestSpans",
    "correlation_id",
    "correlation_in_hand",
    "delivering",
    "gateway_tracer",
    "present_traceparent",
    "record_correlation",
    "usable_traceparent",
]
