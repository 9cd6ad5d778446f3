"""A worker of the ERP's queue that writes an order and then hangs, to be killed.

    doomed_worker.py ADDRESS QUEUE DATABASE_URL FILE

The order stands in FILE once it is written; the answer never reaches Temporal.
"""

import asyncio
import sys
from pathlib import Path

from temporalio.client import Client
from temporalio.worker import Worker

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


async def main(address: str, queue: str, database_url: str, file: Path) -> None:
    from activities.erp import ErpActivities
    from canonical.order import OrderDocument, PlaceOutcome
    from ledger.database import connect
    from ledger.ledger import Ledger
    from runtime.temporal import temporal_plugin
    from tests.workflows.fakes import FakeErp
    from workflows import queues

    class HangingErp(FakeErp):
        async def place_order(self, document: OrderDocument, *, key: str, maybe_written: bool) -> PlaceOutcome:
            aside = file.with_suffix(".part")
            aside.write_text(document.model_dump_json())
            aside.rename(file)
            return await asyncio.Future()

    client = await Client.connect(address, plugins=[temporal_plugin()])
    activities = ErpActivities(HangingErp(), Ledger(await connect(database_url)))
    await Worker(
        client,
        task_queue=queues.counterpart_queue(queue, queues.ERP),
        activities=[activities.place_order, activities.place_and_send],
    ).run()


if __name__ == "__main__":
    address, queue, database_url, file = sys.argv[1:]
    asyncio.run(main(address, queue, database_url, Path(file)))
