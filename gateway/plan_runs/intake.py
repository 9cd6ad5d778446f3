"""Intake of plan runs: who may send one, and that it counts only once it has arrived completely.

Decided here: which of a source's plans is accepted, and the answer to its sender. Not here: the form of a line
(gateway.plan_runs.reading) and the plan's processing (workflows.plan_run).
"""

import asyncio
import datetime as dt
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Protocol

from adapters.ports import PolicyPort
from canonical.event_data import OUR_SOURCE
from canonical.identity import plan_run_id
from canonical.plan import ENDED, PlanRunStatus
from canonical.policy import PlantPolicy
from decisions.plan_limits import over_error_limit
from gateway.plan_runs.reading import FORMS, Form, PlanReader
from gateway.plan_runs.stream import codec_of, in_utf8, numbered_lines, unpacked
from gateway.problems import Refusal
from ledger.ledger import Ledger
from ledger.plan_runs.staging import Accepted, Taken

_LINES_AT_ONCE = 2_000
"""Lines parsed and staged together, while the next ones arrive."""


@dataclass(frozen=True)
class PlanSent:
    """A plan's description in the address and headers."""

    source: str
    plant: str
    version: int
    partial: bool
    content_type: str
    content_encoding: str
    ignored: frozenset[str] = frozenset()
    """Names in the lines that mean nothing to us, and that the sender knows to be ignored."""


class PlanRunStarter(Protocol):
    """Starts and ends plan runs."""

    async def start_plan_run(self, run: PlanRunStatus, /) -> None:
        """Start the run of a staged plan; harmless where it is running or has run."""
        ...

    async def supersede_plan_run(self, run: PlanRunStatus, /) -> bool:
        """Report that a newer plan has ended the run, which need not wait for a person any more."""
        ...


class PlanIntake:
    """Stages plans and starts their runs."""

    def __init__(
        self,
        ledger: Ledger,
        entities: PlanRunStarter,
        policies: PolicyPort,
        today: Callable[[str], dt.date],
        now: Callable[[], dt.datetime],
    ) -> None:
        self._ledger = ledger
        self._entities = entities
        self._policies = policies
        self._today = today
        self._now = now

    async def take(self, sent: PlanSent, body: AsyncIterator[bytes]) -> PlanRunStatus:
        """Stage a plan and start its run; a repetition gets the same answer. Raises Refusal."""
        policy = self._owned(sent)
        accepted = await self._staged(sent, policy, body)
        if accepted.taken in (Taken.CONFLICT, Taken.OLDER):
            raise _not_taken(accepted, sent)
        for older in accepted.superseded:
            await self._entities.supersede_plan_run(older)
        for older in accepted.unstarted:
            await self._entities.start_plan_run(older)
        if accepted.run.stage not in ENDED:
            await self._entities.start_plan_run(accepted.run)
        return accepted.run

    async def _staged(self, sent: PlanSent, policy: PlantPolicy, body: AsyncIterator[bytes]) -> Accepted:
        form, codec = _form_of(sent.content_type)
        reader = PlanReader(
            form,
            source=sent.source,
            plant=sent.plant,
            version=sent.version,
            today=self._today(sent.plant),
            ignored=sent.ignored,
        )
        staging = self._ledger.plans.staging
        run = await staging.receive(sent.source, sent.plant, sent.version, partial=sent.partial, now=self._now())
        try:
            digest = hashlib.sha256()
            chunks = in_utf8(_watched(unpacked(body, sent.content_encoding), digest), codec)
            async for numbered in numbered_lines(chunks, at_once=_LINES_AT_ONCE):
                await staging.add(run, await asyncio.to_thread(reader.read, numbered))
            return await staging.accept(
                run,
                digest.digest(),
                runs_kept=policy.plan.runs_kept,
                ignored=reader.end(),
                stops=lambda taken: over_error_limit(taken, policy.plan) is not None,
            )
        except BaseException:
            await asyncio.shield(staging.discard(run))
            raise

    def _owned(self, sent: PlanSent) -> PlantPolicy:
        """The plant's policy; raises Refusal where the source may not send the plant's requirements."""
        policy = self._policies.effective(sent.plant)
        if policy is None:
            known = ", ".join(sorted(self._policies.plants)) or "none"
            raise Refusal(
                422,
                "unknown_plant",
                f"plant {sent.plant!r} is not one of Pegline's plants: {known}",
                f"send one of {known}, or have the plant's policy added",
                field="plant",
                value=sent.plant,
            )
        owners = policy.ownership.requirement
        if sent.source == OUR_SOURCE or not any(fnmatchcase(sent.source, owner) for owner in owners):
            raise Refusal(
                403,
                "not_owner",
                f"{sent.source} does not own requirement at plant {sent.plant}; {', '.join(owners) or 'nobody'} does",
                "have the owning system send it, or have the plant's policy name the source (docs/policies.md)",
                field="source",
                value=sent.source,
            )
        return policy


async def _watched(chunks: AsyncIterator[bytes], digest: "hashlib._Hash") -> AsyncIterator[bytes]:
    async for chunk in chunks:
        digest.update(chunk)
        yield chunk


def _form_of(content_type: str) -> tuple[Form, str]:
    """The form of the lines, and the codec of their character set; raises Refusal."""
    media_type, *parameters = (part.strip() for part in content_type.split(";"))
    form = FORMS.get(media_type.lower())
    if form is None:
        raise Refusal(
            415,
            "unsupported_media_type",
            f"Content-Type {content_type!r} is no plan",
            "send NDJSON as application/x-ndjson, or CSV as text/csv",
            field="Content-Type",
            value=content_type,
        )
    named = dict(parameter.lower().partition("=")[::2] for parameter in parameters)
    return form, codec_of(named.get("charset", "").strip().strip('"'))


def _not_taken(accepted: Accepted, sent: PlanSent) -> Refusal:
    code, detail = "plan_conflict", f"{accepted.run.id} came before with other lines"
    if accepted.taken is Taken.OLDER:
        code, detail = "stale_plan", f"version {accepted.run.version} of {sent.source} for {sent.plant} is newer"
    return Refusal(
        409,
        code,
        detail,
        f"send a version that is higher than that of {plan_run_id(sent.source, sent.plant, sent.version)}",
        field="version",
        value=str(sent.version),
    )


__all__ = ["PlanIntake", "PlanRunStarter", "PlanSent"]
