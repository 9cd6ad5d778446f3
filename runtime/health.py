"""The worker's health over HTTP, for its supervisor: /healthz if it is alive, /readyz if it can do its work."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from types import MappingProxyType

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from runtime.http_connections import TimedHttpProtocol

CHECK_SECONDS = 3.0
"""How long one check may take before it counts as failed; shorter than the usual timeout of a health check."""

Check = Callable[[], Awaitable[object]]


def health_app(checks: Mapping[str, Check], figures: Mapping[str, Check] = MappingProxyType({})) -> Starlette:
    """`checks` by the name of the system they reach; the worker is not ready if one raises or is too slow.

    `figures` are shown beside them, and are no reason to be unready.
    """

    async def alive(request: Request) -> JSONResponse:
        return JSONResponse({"status": "alive"})

    async def ready(request: Request) -> JSONResponse:
        results = dict(zip(checks, await asyncio.gather(*map(_result, checks.values())), strict=True))
        is_ready = all(result == "ok" for result in results.values())
        shown = dict(zip(figures, await asyncio.gather(*map(_figure, figures.values())), strict=True))
        body = {"status": "ready" if is_ready else "not ready", **results, **shown}
        return JSONResponse(body, status_code=200 if is_ready else 503)

    return Starlette(routes=[Route("/healthz", alive), Route("/readyz", ready)])


async def _result(check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except TimeoutError:
        return f"no answer within {CHECK_SECONDS:g} s"
    except Exception as error:  # whatever a client raises, the worker is not ready and the response says why
        return f"{type(error).__name__}: {str(error)[:200]}"
    return "ok"


async def _figure(figure: Check) -> object:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await figure()
    except Exception:  # its system has a check of its own
        return None


@asynccontextmanager
async def serving_health(
    host: str, port: int | None, checks: Mapping[str, Check], figures: Mapping[str, Check] = MappingProxyType({})
) -> AsyncIterator[None]:
    """Serve the checks while the block runs; do nothing if no port is set."""
    if port is None:
        yield
        return
    config = uvicorn.Config(
        health_app(checks, figures), host=host, port=port, log_config=None, access_log=False, http=TimedHttpProtocol
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    try:
        yield
    finally:
        server.should_exit = True
        await task


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the worker."""
        yield
