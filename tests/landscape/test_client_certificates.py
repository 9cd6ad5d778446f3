"""A system that demands a client certificate, on a real TLS server; whoever refuses the other side says what to do."""

import asyncio
import os
import ssl
from collections.abc import Mapping
from pathlib import Path

import pytest

from adapters.errors import PermanentError, TransientError
from adapters.http import exchange
from console.landscape import ending_certificate
from landscape.model import System
from landscape.reading import LandscapeError
from runtime.landscape import clients, pool_of
from settings import WorkerSettings
from tests.landscape.certificates import Authority, Guarded, guarded

LANDSCAPE = """
[systems.edi]
kind = "supplier"
dialect = "edifact"
address = "https://127.0.0.1:9"
tls = {tls}
"""


def written(folder: Path, monkeypatch: pytest.MonkeyPatch, tls: str = "{ authority = 'ours.pem' }") -> WorkerSettings:
    path = folder / "landscape.toml"
    path.write_text(LANDSCAPE.replace("{tls}", tls))
    monkeypatch.setenv("KEY_WORD", "open sesame")
    return WorkerSettings.load(
        {"PEGLINE_LANDSCAPE": str(path), "PEGLINE_DATABASE_URL": "postgresql://nobody@nowhere/none"}
    )


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkerSettings:
    return written(tmp_path, monkeypatch)


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "ours")


async def call(settings: WorkerSettings, server: Guarded, tls: Mapping[str, object] | None, **log_on: object) -> int:
    """A write to the system, as an adapter makes it."""
    text = {"kind": "erp", "dialect": "sap-v2", "address": server.address, "tls": tls, **log_on}
    async with clients(settings)("sap", System.model_validate(text), None) as http:
        return (await exchange(http, "sap", "POST", "/orders", writes=True, content=b"{}")).status_code


@pytest.mark.parametrize("password", ["", "open sesame"])
async def test_our_certificate_is_shown_and_served(settings: WorkerSettings, ours: Authority, password: str) -> None:
    ours.issue("pegline", password=password)
    named = {"certificate": "pegline.pem", "key": "pegline.key", "authority": "ours.pem"}
    tls = {**named, **({"password": {"env": "KEY_WORD"}} if password else {})}
    with guarded(ours.issue("server"), ours) as server:
        assert await call(settings, server, tls) == 200
        token = {"method": "oauth2", "token_url": f"{server.address}/token", "client_id": "pegline"}
        assert await call(settings, server, tls, log_on=token) == 200, "the certificate logs on at the token endpoint"
        assert server.served == ["pegline"] * 3


@pytest.mark.parametrize("shown", ["none", "foreign", "expired"])
async def test_a_refused_certificate_is_an_administrators_task(
    settings: WorkerSettings, ours: Authority, tmp_path: Path, shown: str
) -> None:
    Authority(tmp_path, "strangers").issue("foreign")
    ours.issue("expired", days=-2)
    mine = {} if shown == "none" else {"certificate": f"{shown}.pem", "key": f"{shown}.key"}
    with guarded(ours.issue("server"), ours) as server:
        for log_on in ({"method": "none"}, {"method": "oauth2", "token_url": server.address, "client_id": "pegline"}):
            with pytest.raises(
                PermanentError, match=r"refuses our certificate.*have it trust the certificate that `tls`"
            ):
                await call(settings, server, {"authority": "ours.pem", **mine}, log_on=log_on)
        assert server.served == []


async def test_a_server_that_only_hangs_up_may_have_written_and_perhaps_wants_a_certificate(
    settings: WorkerSettings, ours: Authority
) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*ours.issue("server"))
    async with await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=context) as server:
        address = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(TransientError, match="see whether it wants a client certificate") as lost:
            await call(settings, Guarded(address, []), {"authority": "ours.pem"})
    assert lost.value.maybe_written


@pytest.mark.parametrize(
    ("days", "tls", "step"),
    [
        (30, None, "name whoever signed it as `authority` of `tls` in the landscape"),
        (30, {"authority": "strangers.pem"}, "name whoever signed it as `authority` of `tls`"),
        (-2, {"authority": "ours.pem"}, r"certificate has expired\); have it renewed there"),
    ],
)
async def test_a_server_that_is_not_trusted_gets_nothing(
    settings: WorkerSettings,
    ours: Authority,
    tmp_path: Path,
    days: int,
    tls: dict[str, object] | None,
    step: str,
) -> None:
    Authority(tmp_path, "strangers")
    with guarded(ours.issue("server", days=days), None) as server:
        with pytest.raises(PermanentError, match=step):
            await call(settings, server, tls)
        assert server.served == []


async def test_a_server_of_another_name_gets_nothing(settings: WorkerSettings, ours: Authority) -> None:
    with guarded(ours.issue("server"), None) as server:
        elsewhere = Guarded(server.address.replace("127.0.0.1", "localhost"), server.served)
        with pytest.raises(PermanentError, match="call it by an address that its certificate names"):
            await call(settings, elsewhere, {"authority": "ours.pem"})


@pytest.mark.parametrize(
    ("tls", "fault"),
    [
        (
            "{ certificate = 'gone.pem', key = 'pegline.key' }",
            r"tls.certificate: .*gone.pem can't be read: No such file",
        ),
        ("{ certificate = 'pegline.pem', key = 'gone.key' }", r"tls.key: .*gone.key can't be read: No such file"),
        ("{ authority = 'gone.pem' }", r"tls.authority: .*gone.pem can't be read: No such file"),
        ("{ certificate = 'note.txt', key = 'pegline.key' }", r"tls.certificate: .*note.txt is no certificate in PEM"),
        ("{ certificate = 'pegline.pem', key = 'note.txt' }", r"tls.key: .*note.txt is no private key in PEM"),
        ("{ authority = 'note.txt' }", r"tls.authority: .*note.txt is no certificate in PEM"),
        ("{ certificate = 'pegline.pem', key = 'other.key' }", r"tls.key: .*other.key is not the key of .*pegline.pem"),
        ("{ certificate = 'shut.pem', key = 'shut.key' }", r"shut.key is encrypted; name its password as tls.password"),
        (
            "{ certificate = 'shut.pem', key = 'shut.key', password = { env = 'KEY_WORD' } }",
            r"tls.key: .*shut.key can't be opened with tls.password",
        ),
        ("{ certificate = 'pegline.pem' }", r"line 6: systems.edi.tls: name certificate and key, or authority"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_before_anything_is_called(
    tmp_path: Path, ours: Authority, monkeypatch: pytest.MonkeyPatch, tls: str, fault: str
) -> None:
    ours.issue("pegline")
    ours.issue("other")
    ours.issue("shut", password="closed sesame")
    (tmp_path / "note.txt").write_text("to whom it may concern")
    with pytest.raises(LandscapeError, match=fault) as refused:
        pool_of(written(tmp_path, monkeypatch, tls))
    assert "sesame" not in str(refused.value)


@pytest.mark.parametrize(("days", "said"), [(40, ""), (10, "expires in 9 days"), (-2, "has expired")])
def test_the_check_says_when_our_certificate_ends(
    tmp_path: Path, ours: Authority, monkeypatch: pytest.MonkeyPatch, days: int, said: str
) -> None:
    ours.issue("pegline", days=days)
    pool = pool_of(written(tmp_path, monkeypatch, "{ certificate = 'pegline.pem', key = 'pegline.key' }"))
    found = ending_certificate(pool, "edi")
    assert (found is None) is (said == "")
    assert found is None or (found.outcome == "warning" and f"pegline.pem {said}, on 20" in found.detail)


async def test_a_renewed_certificate_holds_from_the_next_call_on(
    tmp_path: Path, ours: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = ours.issue("pegline")
    pool = pool_of(written(tmp_path, monkeypatch, "{ certificate = 'pegline.pem', key = 'pegline.key' }"))
    first = pool._connected("edi").client
    assert pool._connected("edi").client is first
    renewed = ours.issue("renewed")
    os.replace(renewed[0], certificate)
    assert pool._connected("edi").client is first, "until the key is there, too"
    os.replace(renewed[1], key)
    assert pool._connected("edi").client is not first
    await pool.close()
