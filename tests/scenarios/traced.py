"""One need through the whole loop with OpenTelemetry set up as a process sets it up: once, for all of it.

    python -m tests.scenarios.traced TEMPORAL_ADDRESS DATABASE_URL

prints the finished spans, a JSON object a line. A process of its own, since a tracer provider can't be taken back.
"""

import asyncio
import json
import sys

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from temporalio.client import Client

from runtime.temporal import temporal_plugin
from tests.scenarios.loop import installed


async def main(address: str, database_url: str) -> None:
    """Run the loop and print the spans."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    client = await Client.connect(address, plugins=[temporal_plugin()])
    async with installed(client, database_url) as loop, loop.workers(), loop.gateway():
        [requirement] = await loop.plan(FRAME=40)
        await loop.order(requirement, "acknowledged")
        await loop.at_rest(0.5)
    for span in exporter.get_finished_spans():
        print(json.dumps(reported(span)))


def reported(span: ReadableSpan) -> dict[str, object]:
    """What the test asks of a span."""
    assert span.context is not None
    return {
        "name": span.name,
        "kind": span.kind.name,
        "trace": f"{span.context.trace_id:032x}",
        "id": f"{span.context.span_id:016x}",
        "parent": f"{span.parent.span_id:016x}" if span.parent else None,
        "attributes": dict(span.attributes or {}),
    }


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
