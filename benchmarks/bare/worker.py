"""The bare worker: `python -m benchmarks.bare.worker --counterparts URL`. Concurrency as in worker.py."""

import argparse
import asyncio
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import httpx
from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from benchmarks.bare.activities import Activities
from benchmarks.bare.words import QUEUE
from benchmarks.bare.workflow import BareRequirement
from benchmarks.command_line import command_line
from runtime import event_loop

READY = "bare worker ready, process"


async def run(counterparts: str) -> None:
    """Work until asked to stop."""
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    client = await Client.connect(**ClientConfig.load_client_connect_config())
    async with httpx.AsyncClient(
        base_url=counterparts,
        auth=httpx.BasicAuth("PEGLINE", "pegline"),
        headers={"Accept": "application/json"},
        timeout=10,
    ) as http:
        calls = Activities(http)
        async with Worker(
            client,
            task_queue=QUEUE,
            workflows=[BareRequirement],
            activities=[
                calls.find_requisition,
                calls.find_order,
                calls.read_order,
                calls.create_requisition,
                calls.create_order,
                calls.send_order,
                calls.write_confirmation,
                calls.write_delivery,
                calls.write_coverage,
            ],
            # As Pegline's worker does, since the sandbox costs time: three counterparts of 20 calls each there.
            workflow_runner=UnsandboxedWorkflowRunner(),
            workflow_task_executor=ThreadPoolExecutor(max_workers=4),
            max_concurrent_workflow_tasks=20,
            max_concurrent_activities=60,
        ):
            print(f"{READY} {os.getpid()}", flush=True)
            await stop.wait()


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = command_line(__doc__)
    parser.add_argument("--counterparts", required=True)
    return parser


def main() -> None:
    """Run from the command line; the server is that of the environment."""
    event_loop.run(run(arguments().parse_args().counterparts))


if __name__ == "__main__":
    main()
