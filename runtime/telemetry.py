"""Telemetry: OpenTelemetry traces from the incoming hook to the call at a counterpart.

This module decides whether a process exports traces (only if an OTLP endpoint is set), its service name, and how a
trace crosses Temporal and outgoing HTTP. Which trace a stored message continues is decided in gateway/tracing.py.
Temporal's older TracingInterceptor is used on purpose: its spans are visible at once, while those of the newer plugin
appear only when a workflow ends, and ours run for weeks.
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
    """Export this process's traces by OTLP/HTTP to the endpoint; do not export if it is None.

    `service` names the process in traces, such as `pegline-worker`. Use it once per process, around all its work: at
    the end it sends the spans that are still buffered.
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
    """A provider that sends finished spans to the exporter in batches."""
    provider = TracerProvider(resource=Resource.create({"service.name": service, "service.namespace": "pegline"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def tracing_interceptor(provider: AnyTracerProvider | None = None) -> TracingInterceptor:
    """Carries the trace through Temporal: pass it to `Client.connect`; workers inherit it from their client."""
    return TracingInterceptor(trace.get_tracer("pegline.temporal", tracer_provider=provider))
