"""How every process of ours reaches Temporal."""

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from runtime.telemetry import tracing_interceptor
from settings import Settings


async def connect_temporal(settings: Settings) -> Client:
    """The client that the settings describe, with our data converter and tracing."""
    return await Client.connect(
        **settings.temporal,
        data_converter=pydantic_data_converter,
        interceptors=[tracing_interceptor()],
    )
