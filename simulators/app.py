"""All counterparts in one process: the ERP at /erp, the EDI gateway at /edi, the APS at /aps, the warehouse at /wms,
the product data system at /plm, other ERPs at /oracle, /central (Business Central) and /odoo, a procurement cloud at
/coupa, another planning system at /frepple, manufacturing execution at /mes, the issuer that people and programs log in
at at /issuer.

`python -m simulators.app --port N [--host H] [--gateway URL] [--keep FILE] [--sign NAME=SECRET] [--name NAME]`;
`--gateway` is where they send what they send of themselves, `--keep` the file in which their books outlive a restart,
`--sign` the secret by which one of them signs what it sends, `--name` how they call themselves. Decided here: addresses
and lifespan. Each counterpart is an ASGI app of its own, with its own control room (/erp/control/...); only the
warehouse calls another, posting what it receives in the ERP. GET / names them; GET, PUT /control/clock is the clock of
all.

A plain dispatcher, not a Starlette mount: the server's own `send` must reach the counterparts, or they could not cut a
connection; and the lifespan of every one of them must run.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import httpx
import uvicorn
from starlette.responses import JSONResponse

from simulators.aps.app import create as create_aps
from simulators.business_central.app import create as create_central
from simulators.coupa.app import create as create_coupa
from simulators.credentials import BySignature, ByToken
from simulators.edi.app import create as create_edi
from simulators.erp.app import create as create_erp
from simulators.faults import App, Message, Receive, Scope, Send, Simulator
from simulators.frepple.app import create as create_frepple
from simulators.issuer.accounts import COUNTERPARTS, PEOPLE, gateway_client
from simulators.issuer.app import Issuer, serve
from simulators.keeping import BooksFile, BooksUnreadable, Shelf
from simulators.mes.app import create as create_mes
from simulators.odoo.app import create as create_odoo
from simulators.oracle.app import create as create_oracle
from simulators.plm.app import create as create_plm
from simulators.wms.app import create as create_wms

GATEWAY = "http://127.0.0.1:8000"


@dataclass(frozen=True)
class Counterparts:
    """The counterparts by their prefix, as one ASGI app."""

    apps: dict[str, Simulator]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        root = scope.get("root_path", "")
        path = scope["path"][len(root) :]
        if path == "/control/clock":
            await self._clock(scope, receive, send)
            return
        prefix = "/" + path.lstrip("/").partition("/")[0]
        app = self.apps.get(prefix)
        if app is None:
            answer = JSONResponse({"counterparts": sorted(self.apps)}, 200 if path in ("", "/") else 404)
            await answer(scope, receive, send)
            return
        await app({**scope, "root_path": root + prefix}, receive, send)

    async def _clock(self, scope: Scope, receive: Receive, send: Send) -> None:
        first, *others = self.apps.values()
        await first(scope, receive, send)
        for app in others:
            app.clock.ahead = first.clock.ahead

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        async with AsyncExitStack() as stack:
            try:
                for app in self.apps.values():
                    await stack.enter_async_context(running(app, scope))
            except RuntimeError as error:
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                return
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


@asynccontextmanager
async def running(app: App, scope: Scope) -> AsyncIterator[None]:
    """Run an app's lifespan around what is done meanwhile. Raises RuntimeError where it won't start."""
    reported: asyncio.Queue[Message] = asyncio.Queue()
    delivered: asyncio.Queue[Message] = asyncio.Queue()
    task = asyncio.ensure_future(app({**scope, "state": {}}, reported.get, delivered.put))
    await reported.put({"type": "lifespan.startup"})
    first = asyncio.ensure_future(delivered.get())
    done, _ = await asyncio.wait({task, first}, return_when=asyncio.FIRST_COMPLETED)
    answer = first.result() if first in done else {"type": "lifespan.startup.failed", "message": "its lifespan ended"}
    if answer["type"] != "lifespan.startup.complete":
        first.cancel()
        task.cancel()
        raise RuntimeError(f"a counterpart did not start: {answer.get('message')}")
    try:
        yield
    finally:
        await reported.put({"type": "lifespan.shutdown"})
        await task


def create(
    gateway_url: str = GATEWAY,
    *,
    url: str = "http://counterparts",
    transport: httpx.AsyncBaseTransport | None = None,
    keep: BooksFile | None = None,
    secrets: Mapping[str, str] = MappingProxyType({}),
    name: str | None = None,
) -> Counterparts:
    """Return all counterparts, with empty books or with those in the file; `transport` reaches a gateway in the same
    process; `url` is their own address, which the issuer's tokens name. What a counterpart sends is signed by its
    secret of `secrets` (by name: erp, edi, aps, wms, plm, coupa, mes), else it comes with an access token of the
    issuer. `name`: how ERP, planning, warehouse and product data call themselves, where several sets send to one
    gateway.
    """
    issuer = Issuer(f"{url}/issuer", [gateway_client(gateway_url.rstrip("/")), COUNTERPARTS], PEOPLE)

    def sent_by(name: str) -> httpx.AsyncBaseTransport:
        inner = transport or httpx.AsyncHTTPTransport()
        if name in secrets:
            return BySignature(inner, secrets[name])
        return ByToken(inner, lambda: issuer.tokens.access_token(COUNTERPARTS, COUNTERPARTS.subject))

    counterparts = Counterparts(
        {
            "/erp": create_erp(gateway_url, name=name or "main", transport=sent_by("erp"), shelf=Shelf(keep, "erp")),
            "/edi": create_edi(gateway_url, transport=sent_by("edi"), shelf=Shelf(keep, "edi")),
            "/aps": create_aps(gateway_url, name=name or "atlas", transport=sent_by("aps"), shelf=Shelf(keep, "aps")),
            "/plm": create_plm(gateway_url, name=name or "atlas", transport=sent_by("plm"), shelf=Shelf(keep, "plm")),
            "/coupa": create_coupa(gateway_url, transport=sent_by("coupa"), shelf=Shelf(keep, "coupa")),
            "/oracle": create_oracle(shelf=Shelf(keep, "oracle")),
            "/central": create_central(extension=True, shelf=Shelf(keep, "central")),
            "/odoo": create_odoo(shelf=Shelf(keep, "odoo")),
            "/frepple": create_frepple(shelf=Shelf(keep, "frepple")),
            "/mes": create_mes(gateway_url, transport=sent_by("mes"), shelf=Shelf(keep, "mes")),
            "/issuer": serve(issuer),
        }
    )
    # In process, whatever address the ERP has outside; through the dispatcher, so that its prefix holds.
    counterparts.apps["/wms"] = create_wms(
        gateway_url,
        transport=sent_by("wms"),
        erp_url="http://counterparts/erp",
        erp_transport=httpx.ASGITransport(counterparts),
        shelf=Shelf(keep, "wms"),
        name=name or "main",
    )
    return counterparts


def main() -> None:
    """Serve all counterparts until interrupted."""
    arguments = argparse.ArgumentParser(prog="simulators", description="Pegline's counterparts, simulated")
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--host", default="127.0.0.1")
    arguments.add_argument("--gateway", default=GATEWAY, help="where they send events and documents to")
    arguments.add_argument("--keep", type=Path, metavar="FILE", help="where their books are kept over a restart")
    arguments.add_argument(
        "--sign", action="append", default=[], metavar="NAME=SECRET", help="what a counterpart signs its messages by"
    )
    arguments.add_argument("--name", help="how they call themselves, where several sets of them send to one gateway")
    given = arguments.parse_args()
    signing = dict(each.split("=", 1) for each in given.sign)
    try:
        url = f"http://{given.host}:{given.port}"
        counterparts = create(
            given.gateway,
            url=url,
            keep=BooksFile(given.keep) if given.keep else None,
            secrets=signing,
            name=given.name,
        )
    except BooksUnreadable as error:
        sys.exit(str(error))
    uvicorn.run(counterparts, host=given.host, port=given.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
