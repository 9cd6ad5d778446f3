"""Runs a Temporal dev server beside the console, or joins the server that the environment names.

Decided here: its ports, pragmas and dynamic configuration, and that search attributes are registered before anyone
starts a workflow. A dev server is a functional target: one history shard, one SQLite connection.
"""

import socket
from dataclasses import dataclass
from pathlib import Path

from temporalio.client import Client
from temporalio.common import SearchAttributeIndexedValueType
from temporalio.envconfig import ClientConnectConfig
from temporalio.service import RPCError

from runtime.prepare import SearchAttributes, register_search_attributes
from settings import environment_for_child
from tools.ports import LOOPBACK, free_port
from tools.processes import Processes, Program

TIME_SKIPPING_ARGUMENTS = (
    "--dynamic-config-value",
    "frontend.WorkflowTimeSkippingEnabled=true",
    # Sixteen times the throughput of the one shard's default.
    "--dynamic-config-value",
    "history.shardIOConcurrency=16",
    # A worker that stops is known to be gone at once, so that a new version takes over at once (runtime.rollout).
    "--dynamic-config-value",
    "frontend.enableCancelWorkerPollsOnShutdown=true",
)
SQLITE_ARGUMENTS = ("--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL")

_TYPE_NAMES = {
    SearchAttributeIndexedValueType.TEXT: "Text",
    SearchAttributeIndexedValueType.KEYWORD: "Keyword",
    SearchAttributeIndexedValueType.INT: "Int",
    SearchAttributeIndexedValueType.DOUBLE: "Double",
    SearchAttributeIndexedValueType.BOOL: "Bool",
    SearchAttributeIndexedValueType.DATETIME: "Datetime",
    SearchAttributeIndexedValueType.KEYWORD_LIST: "KeywordList",
}


@dataclass(frozen=True)
class TemporalServer:
    """A running server, with our search attributes registered."""

    connection: ClientConnectConfig
    """Arguments of `Client.connect`."""
    ui: str | None
    """The URL of its UI; None if the server is not ours and may have none."""

    @property
    def address(self) -> str:
        """host:port of its frontend."""
        return self.connection["target_host"]

    @property
    def environment(self) -> dict[str, str]:
        """The variables through which our child processes find a server that we started."""
        return {"TEMPORAL_ADDRESS": self.address, "TEMPORAL_NAMESPACE": self.connection.get("namespace", "default")}


async def join(connection: ClientConnectConfig, search_attributes: SearchAttributes) -> TemporalServer:
    """Join a server that is running. Raises RuntimeError if it does not answer, and SearchAttributeConflict."""
    await register_search_attributes(await Client.connect(**connection), search_attributes)
    return TemporalServer(connection, ui=None)


async def start(
    processes: Processes,
    cli: Path,
    search_attributes: SearchAttributes,
    *,
    database: Path | None = None,
    namespace: str = "default",
    metrics_port: int | None = None,
) -> TemporalServer:
    """Start a dev server with its UI as the program `temporal`; its state is kept where a `database` file is given.

    `metrics_port`: the port of its Prometheus metrics, any port if left out.

    Raises ProgramFailed, and SearchAttributeConflict where a kept database has an attribute with another type.
    """
    port, ui_port = free_port(7233), free_port(8233)
    connection = ClientConnectConfig(target_host=f"{LOOPBACK}:{port}", namespace=namespace)

    async def ready() -> bool:
        return await _answers(connection)

    if database is not None:
        database.parent.mkdir(parents=True, exist_ok=True)
    await processes.start(
        Program(
            name="temporal",
            command=(
                *(str(cli), "server", "start-dev"),
                *("--ip", LOOPBACK, "--port", str(port), "--ui-port", str(ui_port)),
                *("--namespace", namespace, "--log-level", "warn", "--ui-disable-news-fetch"),
                *(("--db-filename", str(database)) if database else ()),
                *(("--metrics-port", str(metrics_port)) if metrics_port else ()),
                *SQLITE_ARGUMENTS,
                *TIME_SKIPPING_ARGUMENTS,
                *search_attribute_arguments(search_attributes),
            ),
            # Without an address: the CLI must not take the server's own for a client's.
            environment=environment_for_child(TEMPORAL_ADDRESS=None, TEMPORAL_NAMESPACE=None),
            ready=ready,
        )
    )
    await register_search_attributes(await Client.connect(**connection), search_attributes)
    return TemporalServer(connection, ui=f"http://{LOOPBACK}:{ui_port}")


def search_attribute_arguments(search_attributes: SearchAttributes) -> list[str]:
    """The dev server's arguments that register them before it is ready."""
    pairs = [f"{key.name}={_TYPE_NAMES[key.indexed_value_type]}" for key in search_attributes]
    return [argument for pair in pairs for argument in ("--search-attribute", pair)]


async def _answers(connection: ClientConnectConfig) -> bool:
    host, _, port = connection["target_host"].rpartition(":")
    with socket.socket() as knock:
        # A closed port is detected here at once; the client would retry for seconds.
        if knock.connect_ex((host, int(port))) != 0:
            return False
    try:
        client = await Client.connect(**connection)
        return await client.service_client.check_health()
    except (RuntimeError, RPCError):
        return False
