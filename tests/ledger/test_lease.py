"""A lease outlives no holder: a process that is frozen loses it, and finds that out when it goes on."""

import asyncio
import signal
import sys
import time
from pathlib import Path

from ledger.inbox.lease import RELAY
from ledger.ledger import Ledger

ROOT = Path(__file__).parents[2]
HOLDER = """
import asyncio, sys
from ledger.database import connect
from ledger.inbox.lease import Leases

async def hold(url):
    async with Leases(await connect(url)).held("relay", 1.0) as lease:
        print("held", lease.fence, flush=True)
        while lease.held:
            await asyncio.sleep(0.05)
        print("lost", flush=True)

asyncio.run(hold(sys.argv[1]))
"""


async def test_a_process_that_is_frozen_loses_its_lease_and_finds_that_out(ledger: Ledger, database_url: str) -> None:
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, database_url, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert holder.stdout is not None
    try:
        said = (await holder.stdout.readline()).decode().split()
        await asyncio.sleep(1.5)
        assert await ledger.leases.take(RELAY, 1) is None, "it renews its lease for as long as it lives"
        holder.send_signal(signal.SIGSTOP)
        frozen_at = time.monotonic()
        while (lease := await ledger.leases.take(RELAY, 60)) is None:
            assert time.monotonic() < frozen_at + 10
            await asyncio.sleep(0.05)
        assert lease.fence == int(said[1]) + 1
        holder.send_signal(signal.SIGCONT)
        assert (await asyncio.wait_for(holder.stdout.readline(), 10)).decode().strip() == "lost"
        assert await ledger.leases.take(RELAY, 1) is None, "the one that was frozen gives nobody else's lease back"
    finally:
        holder.kill()
        await holder.wait()
