"""What Prometheus reads of a worker: the Temporal SDK's own metrics, and what needs a person in the whole installation.

The SDK counts failed workflow tasks, latencies and requests (`temporal_…`). Ours are gauges that every worker sets to
the same figures; alerts on them are in deploy/alerts.yml.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping

from temporalio.client import Client
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.service import RPCError

from workflows.search_attributes import INCIDENT

COUNT_AGAIN_SECONDS = 30.0

log = logging.getLogger("pegline.metrics")


def runtime_with_metrics(host: str, port: int | None) -> Runtime | None:
    """The SDK's runtime that serves /metrics there; None: the default one, which serves none. Once per process."""
    if port is None:
        return None
    prometheus = PrometheusConfig(bind_address=f"{host}:{port}", counters_total_suffix=True, durations_as_seconds=True)
    return Runtime(telemetry=TelemetryConfig(metrics=prometheus, attach_service_name=False))


def duplicates_gauge(runtime: Runtime | None) -> Callable[[int], None]:
    """Sets how many references the ERP holds several documents of; does nothing without metrics."""
    if runtime is None:
        return lambda _: None
    return runtime.metric_meter.create_gauge(
        "pegline_erp_duplicates", "References of which the ERP holds several documents"
    ).set


async def open_runs(client: Client, queue: str, condition: str) -> int:
    """How many open runs of the installation meet a condition of Temporal's visibility. Raises RPCError."""
    query = f"TaskQueue = '{queue}' AND ExecutionStatus = 'Running' AND {condition}"
    return (await client.count_workflows(query)).count


async def stuck_runs(client: Client, queue: str) -> int:
    """Open runs whose workflow tasks keep failing. Raises RPCError."""
    return await open_runs(client, queue, "TemporalReportedProblems IS NOT NULL")


class RunMetrics:
    """How many open runs need a person, counted now and then."""

    def __init__(self, client: Client, queue: str, runtime: Runtime, orphans: Callable[[], Mapping[str, int]]) -> None:
        self._client = client
        self._orphans = orphans
        self._queue = queue
        meter = runtime.metric_meter
        self._stuck = meter.create_gauge("pegline_stuck_runs", "Open runs whose workflow tasks keep failing")
        self._incidents = meter.create_gauge("pegline_incidents", "Open runs that show an incident")
        self._unserved = meter.create_gauge("pegline_unserved_runs", "Open runs of versions that no worker serves")

    async def keep_counting(self) -> None:
        """Count for as long as the worker runs."""
        while True:
            try:
                await self.count()
            except RPCError as error:
                log.warning("open runs can't be counted: %s", error)
            except Exception:
                log.exception("open runs could not be counted, and are counted again")
            await asyncio.sleep(COUNT_AGAIN_SECONDS)

    async def count(self) -> None:
        """Set each gauge to what is so now. Raises RPCError."""
        self._stuck.set(await stuck_runs(self._client, self._queue))
        self._incidents.set(await open_runs(self._client, self._queue, f"{INCIDENT.name} IS NOT NULL"))
        self._unserved.set(sum(self._orphans().values()))
