"""Telemetry: OpenTelemetry traces from the hook to the call at a counterpart.

Decided here: who exports (nobody, unless an OTLP endpoint is set), what a process calls itself, and how a trace crosses
Temporal and outgoing HTTP. Not decided here: which trace a stored message continues (gateway/tracing.py).
Temporal's older TracingInterceptor is used on purpose: its spans are seen at once, while those of the newer plugin
appear when a workflow ends, and ours run for weeks.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import TracerProvider as AnyTracerProvider
from temporalio.contrib.opentelemetry import TracingInterceptor


@contextmanager
def exporting(service: str, otlp_endpoint: str | None) -> Iterator[None]:
    """Export this process's traces by OTLP/HTTP to the endpoint, to nobody where it is None.

    `service` is what the process is called in traces, such as `pegline-worker`. Once a process, around all its work: at
    the end what is still buffered is sent.
    """
    if otlp_endpoint is None:
        yield
        return
    provider = tracer_provider(service, OTLPSpanExporter(endpoint=f"{otlp_endpoint.rstrip('/')}/v1/traces"))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()


def tracer_provider(service: str, exporter: SpanExporter) -> TracerProvider:
    """A provider that hands finished spans to the exporter, in batches."""
    provider = TracerProvider(resource=Resource.create({"service.name": service, "service.namespace": "pegline"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def tracing_interceptor(provider: AnyTracerProvider | None = None) -> TracingInterceptor:
    """Carries the trace through Temporal: give it to `Client.connect`; workers take it from their client."""
    return TracingInterceptor(trace.get_tracer("pegline.temporal", tracer_provider=provider))
