"""`cli.py audit` on a real ledger: it explains tampering with the table in words, and how far it can be detected."""

import asyncio
import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

import cli
from canonical.audit_event import FIRST_HASH, PendingEvent, event_hash
from canonical.records import AuditBatch
from ledger.events.chains import audit_event_of
from ledger.ledger import Ledger
from tests.ledger.stories import MORNING, need, requirement

ONE, OTHER = need("PLO-1").id, need("PLO-2").id


def pem_of(key: Ed25519PrivateKey | X25519PrivateKey) -> str:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form).decode()


def public_pem_of(key: Ed25519PrivateKey) -> str:
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return key.public_key().public_bytes(*form).decode()


@dataclass
class Audit:
    """The console of an installation, and the database behind its back."""

    engine: AsyncEngine
    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capfd: pytest.CaptureFixture[str]

    @property
    def file(self) -> Path:
        return self.folder / "checkpoint"

    async def ask(self, *arguments: object) -> tuple[int, str, str]:
        """Exit code, output and errors of the command."""
        self.monkeypatch.setattr("sys.argv", ["cli.py", "audit", *map(str, arguments)])
        self.capfd.readouterr()
        code = await asyncio.to_thread(cli.main)
        return code, *self.capfd.readouterr()

    async def checkpoint(self) -> None:
        code, output, errors = await self.ask("checkpoint", "--out", self.file)
        assert (code, errors) == (0, "")
        assert "the newest event of 2 entities, signed" in output

    async def verify(self, *arguments: object) -> tuple[int, list[str]]:
        """Exit code, and the findings."""
        code, output, errors = await self.ask("verify", *arguments)
        assert errors == ""
        return code, [line.partition(": ")[2] for line in output.splitlines() if line.startswith("requirement/")]

    async def compare(self) -> tuple[int, list[str]]:
        return await self.verify("--checkpoint", self.file)

    async def execute(self, *statements: str) -> None:
        """What somebody does who can write the table."""
        async with self.engine.begin() as connection:
            for statement in statements:
                await connection.execute(text(statement), {"one": ONE})

    async def hash_again(self, entity_id: str = ONE) -> None:
        """As somebody would who knows how: positions without a gap, and each hash over the one before."""
        async with self.engine.begin() as connection:
            query = text("SELECT * FROM audit_event WHERE entity_id = :id ORDER BY position")
            rows = [dict(row._mapping) for row in await connection.execute(query, {"id": entity_id})]
            await connection.execute(text("DELETE FROM audit_event WHERE entity_id = :id"), {"id": entity_id})
            previous = FIRST_HASH
            for place, row in enumerate(rows, 1):
                audit_event = audit_event_of(row | {"position": place, "sequence": place})
                row |= {
                    "position": place,
                    "sequence": place,
                    "previous_hash": previous,
                    "data": json.dumps(row["data"]),
                }
                previous = row["hash"] = event_hash(entity_id, place, row["writer"], previous, audit_event)
                names = ", ".join(row)
                values = ", ".join(f":{name}" for name in row)
                await connection.execute(text(f"INSERT INTO audit_event ({names}) VALUES ({values})"), row)


@pytest.fixture
async def audit(
    database_url: str,
    engine: AsyncEngine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Audit:
    key = Ed25519PrivateKey.generate()
    monkeypatch.setenv("PEGLINE_DATABASE_URL", database_url)
    monkeypatch.setenv("PEGLINE_AUDIT_KEY", pem_of(key))
    monkeypatch.setenv("PEGLINE_AUDIT_PUBLIC_KEY", public_pem_of(key))
    await record(engine, "PLO-1", 6)
    await record(engine, "PLO-2", 3)
    return Audit(engine, tmp_path, monkeypatch, capfd)


async def record(engine: AsyncEngine, reference: str, count: int, first: int = 1, minutes: int = 0) -> None:
    events = tuple(
        PendingEvent(
            sequence=sequence,
            kind="need.assessed",
            business_time=MORNING,
            processing_time=MORNING + timedelta(minutes=minutes, seconds=sequence),
            data={"quantity": sequence},
        )
        for sequence in range(first, first + count)
    )
    await Ledger(engine).record(
        [AuditBatch(audit_events=events, snapshot=requirement(need(reference)), writer="run-1")]
    )


async def test_what_nobody_touched_holds(audit: Audit) -> None:
    await audit.checkpoint()
    code, output, errors = await audit.ask("verify", "--checkpoint", audit.file)
    assert (code, errors) == (0, "")
    assert "9 events of 2 entities: every chain holds; all 2 entities of the checkpoint are as they were." in output
    code, output, _ = await audit.ask("verify")
    assert code == 0
    assert "Without a checkpoint, whoever hashed a whole chain again is not seen." in output


async def test_what_happened_since_is_no_difference(audit: Audit) -> None:
    await audit.checkpoint()
    await record(audit.engine, "PLO-1", 2, first=7)
    await record(audit.engine, "PLO-2", 1, first=2, minutes=5)  # a task that was decided again
    await record(audit.engine, "PLO-3", 1)
    assert await audit.compare() == (0, [])


@pytest.mark.parametrize(
    ("done", "found"),
    [
        (
            "UPDATE audit_event SET data = '{\"quantity\": 9}' WHERE entity_id = :one AND position = 3",
            "event 3 was changed after it was recorded: its content does not give its hash",
        ),
        ("DELETE FROM audit_event WHERE entity_id = :one AND position = 3", "event 3 was removed"),
        ("DELETE FROM audit_event WHERE entity_id = :one AND position < 3", "events 1 to 2 were removed"),
        (
            "UPDATE audit_event SET superseded = true WHERE entity_id = :one AND position = 3",
            "event 3 is hidden as replaced, but no later event replaces it",
        ),
    ],
)
async def test_what_was_done_to_the_table_is_seen_without_a_checkpoint(audit: Audit, done: str, found: str) -> None:
    await audit.execute(done)
    assert await audit.verify() == (1, [found])


async def test_an_event_that_was_replaced_is_not_shown_again_unseen(audit: Audit) -> None:
    await record(audit.engine, "PLO-1", 1, first=6, minutes=5)
    assert await audit.verify() == (0, [])
    await audit.execute("UPDATE audit_event SET superseded = false WHERE entity_id = :one")
    assert await audit.verify() == (1, ["event 6 is shown, but a later event replaces it"])


async def test_an_inserted_event_is_seen_where_the_chain_goes_on(audit: Audit) -> None:
    moved = "UPDATE audit_event SET position = {} WHERE entity_id = :one AND position = {}"
    await audit.execute(
        *(moved.format(place + 1, place) for place in (6, 5, 4, 3)),
        """
        INSERT INTO audit_event (entity_id, position, sequence, kind, business_time, business_offset_seconds,
                                 processing_time, processing_offset_seconds, data, writer, previous_hash, hash)
        SELECT entity_id, 3, sequence, kind, business_time, business_offset_seconds, processing_time,
               processing_offset_seconds, data, writer, previous_hash, hash FROM audit_event
         WHERE entity_id = :one AND position = 4
        """,
    )
    assert await audit.verify() == (
        1,
        ["event 4 was changed after it was recorded: its content does not give its hash"],
    )


HASHED_AGAIN = (
    "event 6 has another hash than at the checkpoint: events up to it were changed, removed or inserted, and the chain "
    "was hashed again"
)


async def test_a_change_whose_chain_was_hashed_again_is_seen_by_the_checkpoint_alone(audit: Audit) -> None:
    await audit.checkpoint()
    await audit.execute("UPDATE audit_event SET data = '{\"quantity\": 9}' WHERE entity_id = :one AND position = 3")
    await audit.hash_again()
    assert await audit.verify() == (0, [])
    assert await audit.compare() == (1, [HASHED_AGAIN])


async def test_a_removal_whose_chain_was_hashed_again_leaves_it_short(audit: Audit) -> None:
    await audit.checkpoint()
    await audit.execute("DELETE FROM audit_event WHERE entity_id = :one AND position = 3")
    await audit.hash_again()
    assert await audit.verify() == (0, [])
    assert await audit.compare() == (1, ["its end is cut off: it goes on to event 5, at the checkpoint to event 6"])


async def test_an_end_that_was_cut_off_and_an_entity_that_is_gone_are_seen_by_the_checkpoint(audit: Audit) -> None:
    await audit.checkpoint()
    await audit.execute("DELETE FROM audit_event WHERE entity_id = :one AND position > 4")
    assert await audit.verify() == (0, [])
    assert await audit.compare() == (1, ["its end is cut off: it goes on to event 4, at the checkpoint to event 6"])
    await audit.execute("DELETE FROM audit_event WHERE entity_id = :one")
    assert await audit.compare() == (1, ["all of its events are gone, 6 at the checkpoint"])


async def test_a_checkpoint_of_a_broken_chain_names_the_break(audit: Audit) -> None:
    await audit.execute("DELETE FROM audit_event WHERE entity_id = :one AND position = 3")
    code, output, _ = await audit.ask("checkpoint", "--out", audit.file)
    assert code == 1
    assert f"{ONE}: event 3 was removed" in output
    assert audit.file.exists()


async def test_a_checkpoint_that_was_changed_or_signed_by_another_is_refused(audit: Audit) -> None:
    await audit.checkpoint()
    whole = audit.file.read_text()
    code, _, errors = await audit.ask(
        "verify",
        "--checkpoint",
        audit.file,
        "--public-key",
        written(audit, public_pem_of(Ed25519PrivateKey.generate())),
    )
    assert code == 2
    assert "was signed by another key" in errors
    for changed, said in (
        (whole.replace('",6,', '",5,'), "was changed after it was signed"),
        ("\n".join(whole.splitlines()[:-1]), "is no checkpoint, or is damaged"),
        ("", "is no checkpoint, or is damaged"),
        (whole + whole, "is no checkpoint, or is damaged"),
    ):
        audit.file.write_text(changed)
        code, output, errors = await audit.ask("verify", "--checkpoint", audit.file)
        assert (code, output) == (2, "")
        assert said in errors


def written(audit: Audit, content: str) -> Path:
    path = audit.folder / "key"
    path.write_text(content)
    return path


async def test_a_key_may_lie_in_a_file_and_must_be_one(audit: Audit) -> None:
    audit.monkeypatch.delenv("PEGLINE_AUDIT_KEY")
    code, _, errors = await audit.ask("checkpoint", "--out", audit.file)
    assert code == 2
    assert "give --key FILE, or set PEGLINE_AUDIT_KEY or PEGLINE_AUDIT_KEY_FILE" in errors
    for content, said in (("nothing", "no private key in PEM"), (pem_of(X25519PrivateKey.generate()), "another kind")):
        code, _, errors = await audit.ask("checkpoint", "--out", audit.file, "--key", written(audit, content))
        assert code == 2
        assert said in errors
    assert not audit.file.exists()
    key = written(audit, pem_of(Ed25519PrivateKey.generate()))
    assert (await audit.ask("checkpoint", "--out", audit.file, "--key", key))[0] == 0


async def test_a_file_that_is_there_is_not_written_over(audit: Audit) -> None:
    audit.file.write_text("evidence")
    code, _, errors = await audit.ask("checkpoint", "--out", audit.file)
    assert code == 2
    assert f"{audit.file}: File exists" in errors
    assert audit.file.read_text() == "evidence"


async def test_an_unreachable_ledger_is_reported_and_leaves_no_partial_file(audit: Audit) -> None:
    audit.monkeypatch.setenv("PEGLINE_DATABASE_URL", "postgresql://postgres@/pegline?host=/nonexistent")
    code, _, errors = await audit.ask("checkpoint", "--out", audit.file)
    assert code == 2
    assert "is PEGLINE_DATABASE_URL the ledger's?" in errors
    assert not audit.file.exists()
