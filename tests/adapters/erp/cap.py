"""SAP's own metadata: read as EDMX, and served by SAP CAP. For tests; see tools/cap_peer.py."""

import asyncio
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import httpx
import pytest

from settings import ToolSettings, environment_for_child
from tools.cap_peer import NoCap, installed, served

VARIABLE = "PEGLINE_SAP_EDMX"
_EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
_START_SECONDS = 120


def edmx_directory() -> Path:
    """Where SAP's EDMX files are; skips the test where nobody says."""
    named = os.environ.get(VARIABLE)
    if not named:
        pytest.skip(f"SAP's metadata have no licence to be kept here; {VARIABLE} names a directory with its EDMX files")
    return Path(named)


class Property(NamedTuple):
    """A property as the EDMX has it."""

    kind: str
    length: int
    precision: int
    scale: str
    computed: bool


class EntityType(NamedTuple):
    """An entity type: its properties, and its navigations with the types that they lead to."""

    properties: Mapping[str, Property]
    navigations: Mapping[str, str]


class Edmx:
    """What an EDMX says of what may be written."""

    def __init__(self, file: Path) -> None:
        root = ElementTree.parse(file).getroot()
        annotated = {one.get("Target", ""): one for one in root.iter(f"{_EDM}Annotations")}
        computed = {
            target.rpartition(".")[2]
            for target, one in annotated.items()
            if any(each.get("Term", "").endswith("core.Computed") for each in one)
        }
        self.types: dict[str, EntityType] = {}
        for kind in root.iter(f"{_EDM}EntityType"):
            name = kind.get("Name", "")
            properties = {
                one.get("Name", ""): Property(
                    one.get("Type", ""),
                    int(one.get("MaxLength", "0") or 0),
                    int(one.get("Precision", "0") or 0),
                    one.get("Scale", "0") or "0",
                    f"{name}/{one.get('Name')}" in computed,
                )
                for one in kind.findall(f"{_EDM}Property")
            }
            navigations = {
                one.get("Name", ""): one.get("Type", "").removeprefix("Collection(").rstrip(")").rpartition(".")[2]
                for one in kind.findall(f"{_EDM}NavigationProperty")
            }
            self.types[name] = EntityType(properties, navigations)
        self.sets = {
            one.get("Name", ""): one.get("EntityType", "").rpartition(".")[2] for one in root.iter(f"{_EDM}EntitySet")
        }

    def faults(self, entity_set: str, body: Mapping[str, Any]) -> list[str]:
        """What of a body to be written the metadata do not allow."""
        return list(self._faults(self.sets[entity_set], body))

    def _faults(self, kind: str, body: Mapping[str, Any]) -> Iterator[str]:
        known = self.types[kind]
        for name, value in body.items():
            if name in known.navigations:
                for each in value:
                    yield from self._faults(known.navigations[name], each)
            elif name not in known.properties:
                yield f"{kind} has no {name}"
            else:
                yield from (f"{kind}/{name} {why}: {value!r}" for why in _misfits(known.properties[name], value))


def _misfits(field: Property, value: object) -> Iterator[str]:
    if field.computed:
        yield "is computed"
    match field.kind, value:
        case "Edm.String", str():
            if field.length and len(value) > field.length:
                yield f"has more than {field.length} characters"
        case "Edm.Boolean", bool():
            pass
        case "Edm.Date", str():
            if len(value) != 10 or value[4] + value[7] != "--":
                yield "is no date"
        case "Edm.Decimal", Decimal():
            decimals = -int(value.normalize().as_tuple().exponent)
            if field.scale.isdigit() and decimals > int(field.scale):
                yield f"has more than {field.scale} decimals"
            if len(value.normalize().as_tuple().digits) > field.precision:
                yield f"has more than {field.precision} digits"
        case kind, _:
            yield f"is {kind}"


@asynccontextmanager
async def cap_server(project: Path) -> AsyncIterator[str]:
    """CAP with SAP's metadata, empty; its address. Skips the test where it can't be had."""
    edmx = edmx_directory()
    try:
        cap = await asyncio.to_thread(installed, ToolSettings.load())
        await asyncio.to_thread(served, cap, edmx, project)
    except NoCap as missing:
        pytest.skip(f"SAP CAP can't be had: {missing}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (project / "log").open("wb") as log:
        server = subprocess.Popen(  # noqa: ASYNC220 - it returns at once
            ["node", "node_modules/@sap/cds/bin/serve.js", "all", "--in-memory"],
            cwd=project,
            env=environment_for_child(PORT=str(port)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        await _listens(address, server, project / "log")
        yield address
    finally:
        server.terminate()
        server.wait(10)


async def _listens(address: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    async with asyncio.timeout(_START_SECONDS), httpx.AsyncClient(base_url=address) as http:
        while True:
            assert server.poll() is None, log.read_text()[-2_000:]
            try:
                await http.get("/")
                return
            except httpx.TransportError:
                await asyncio.sleep(0.2)
