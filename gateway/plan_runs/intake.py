"""Intake of plan runs: who may send one, and that it counts only once it has arrived completely.

Decided here: which of a source's plans is accepted, and the answer to its sender. Not here: the form of a line
(gateway.plan_runs.reading) and the plan's processing (workflows.plan_run).
"""

import asyncio
import datetime as dt
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Protocol

from adapters.errors import PermanentError
from adapters.ports import LandscapePort, PolicyPort
from canonical.event_data import OUR_SOURCE
from canonical.identity import plan_run_id
from canonical.plan import ENDED, NumberedLine, PlanDryRun, PlanMatcher, PlanRunStatus
from canonical.policy import PlantPolicy
from decisions.plan_limits import over_error_limit
from decisions.plan_matching import NearestNeeds
from gateway.intake.ownership import owners_of
from gateway.plan_runs.reading import FORMS, Form, PlanReader
from gateway.plan_runs.stream import codec_of, in_utf8, numbered_lines, unpacked
from gateway.problems import Refusal, not_found
from ledger.ledger import Ledger
from ledger.plan_runs.dry_run import Start
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
        matcher: PlanMatcher | None = None,
        landscape: LandscapePort | None = None,
    ) -> None:
        self._landscape = landscape
        self._matcher = matcher or NearestNeeds()
        self._ledger = ledger
        self._entities = entities
        self._policies = policies
        self._today = today
        self._now = now

    async def take(self, sent: PlanSent, body: AsyncIterator[bytes]) -> PlanRunStatus:
        """Stage a plan and start its run; a repetition gets the same answer. Raises Refusal."""
        policy = self.owned(sent.source, sent.plant)
        digest, reader = hashlib.sha256(), self._reader(sent)
        run = await self._staged(sent, _read(reader, sent, body, digest))
        async with self._discarded_on_failure(run):
            accepted = await self._ledger.plans.staging.accept(
                run,
                digest.digest(),
                runs_kept=policy.plan.runs_kept,
                ignored=reader.end(),
                stops=lambda taken: over_error_limit(taken, policy.plan) is not None,
            )
        if accepted.taken in (Taken.CONFLICT, Taken.OLDER):
            raise _not_taken(accepted.run, sent.source, sent.plant, sent.version)
        return await self._begun(accepted)

    async def hold(self, sent: PlanSent, body: AsyncIterator[bytes]) -> PlanRunStatus:
        """Stage a plan for a dry run; nothing of it counts until it is started. Raises Refusal."""
        self.owned(sent.source, sent.plant)
        digest, reader = hashlib.sha256(), self._reader(sent)
        run = await self._staged(sent, _read(reader, sent, body, digest))
        async with self._discarded_on_failure(run):
            return await self._ledger.plans.staging.hold(run, digest.digest(), ignored=reader.end())

    async def hold_lines(
        self, sent: PlanSent, lines: AsyncIterator[list[NumberedLine]], digest: bytes
    ) -> PlanRunStatus:
        """The same with lines that were read already, from something with this digest. Raises Refusal."""
        self.owned(sent.source, sent.plant)
        run = await self._staged(sent, lines)
        async with self._discarded_on_failure(run):
            return await self._ledger.plans.staging.hold(run, digest)

    async def dry_run(self, number: int, *, priced: bool) -> PlanDryRun | None:
        """What a plan that is held would change now; None where it is not held any more."""
        run = await self._ledger.plans.staging.held(number)
        if run is None:
            return None
        return await self._ledger.plans.dry_runs.show(number, self._policy_of(run.plant), self._matcher, priced=priced)

    async def start(self, number: int, shown: str) -> PlanRunStatus:
        """Start a plan that is held, where it still changes what was shown. Raises Refusal."""
        run = await self._ledger.plans.staging.held(number)
        if run is None:
            raise not_held(number)
        policy = self.owned(run.source, run.plant)
        if (why := over_error_limit(run, policy.plan)) is not None:
            raise Refusal(
                409, "over_error_limit", why, "correct the refused lines, and send the plan again", field="lines"
            )
        started = await self._ledger.plans.dry_runs.start(
            number,
            shown,
            self._policy_of(run.plant),
            self._matcher,
            now=self._now(),
            runs_kept=policy.plan.runs_kept,
            stops=lambda taken: over_error_limit(taken, policy.plan) is not None,
        )
        match started.start:
            case Start.STARTED if started.accepted is not None:
                return await self._begun(started.accepted)
            case Start.CHANGED:
                raise Refusal(
                    409,
                    "no_longer_as_shown",
                    f"what version {run.version} would change is no longer what was shown: something came meanwhile. "
                    "Nothing was started",
                    "look at the dry run again, and start it from there",
                    field="shown",
                    value=shown,
                )
            case Start.BARRED:
                found = await self.dry_run(number, priced=False)
                raise _not_taken(found.holding if found and found.holding else run, run.source, run.plant, run.version)
            case _:
                raise not_held(number)

    async def _begun(self, accepted: Accepted) -> PlanRunStatus:
        for older in accepted.superseded:
            await self._entities.supersede_plan_run(older)
        for older in accepted.unstarted:
            await self._entities.start_plan_run(older)
        if accepted.run.stage not in ENDED:
            await self._entities.start_plan_run(accepted.run)
        return accepted.run

    async def _staged(self, sent: PlanSent, lines: AsyncIterator[list[NumberedLine]]) -> PlanRunStatus:
        staging = self._ledger.plans.staging
        run = await staging.receive(sent.source, sent.plant, sent.version, partial=sent.partial, now=self._now())
        async with self._discarded_on_failure(run):
            async for some in lines:
                await staging.add(run, some)
        return run

    @asynccontextmanager
    async def _discarded_on_failure(self, run: PlanRunStatus) -> AsyncIterator[None]:
        try:
            yield
        except BaseException:
            await asyncio.shield(self._ledger.plans.staging.discard(run))
            raise

    def _reader(self, sent: PlanSent) -> PlanReader:
        return PlanReader(
            _form_of(sent.content_type)[0],
            source=sent.source,
            plant=sent.plant,
            version=sent.version,
            today=self._today(sent.plant),
            ignored=sent.ignored,
        )

    def _policy_of(self, plant: str) -> Callable[[str], PlantPolicy]:
        def policy_of(item: str) -> PlantPolicy:
            found = self._policies.effective(plant, item=item)
            if found is None:
                raise PermanentError("policy", f"plant {plant} has no policy any more; add plants/{plant}.toml again")
            return found

        return policy_of

    def owned(self, source: str, plant: str) -> PlantPolicy:
        """The plant's policy; raises Refusal where the source may not send the plant's requirements."""
        policy = self._policies.effective(plant)
        if policy is None:
            known = ", ".join(sorted(self._policies.plants)) or "none"
            raise Refusal(
                422,
                "unknown_plant",
                f"plant {plant!r} is not one of Pegline's plants: {known}",
                f"send one of {known}, or have the plant's policy added",
                field="plant",
                value=plant,
            )
        owners = owners_of("requirement", plant, self._policies, self._landscape)
        if source == OUR_SOURCE or not any(fnmatchcase(source, owner) for owner in owners):
            raise Refusal(
                403,
                "not_owner",
                f"{source} does not own requirement at plant {plant}; {', '.join(owners) or 'nobody'} does",
                "have the owning system send it, or have the landscape or the plant's policy name the source",
                field="source",
                value=source,
            )
        return policy


async def _read(
    reader: PlanReader, sent: PlanSent, body: AsyncIterator[bytes], digest: "hashlib._Hash"
) -> AsyncIterator[list[NumberedLine]]:
    codec = _form_of(sent.content_type)[1]
    chunks = in_utf8(_watched(unpacked(body, sent.content_encoding), digest), codec)
    async for numbered in numbered_lines(chunks, at_once=_LINES_AT_ONCE):
        yield await asyncio.to_thread(reader.read, numbered)


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


def _not_taken(held: PlanRunStatus, source: str, plant: str, version: int) -> Refusal:
    code, detail = "plan_conflict", f"{held.id} came before with other lines"
    if held.version > version:
        code, detail = "stale_plan", f"version {held.version} of {source} for {plant} is newer"
    return Refusal(
        409,
        code,
        detail,
        f"send a version that is higher than that of {plan_run_id(source, plant, version)}",
        field="version",
        value=str(version),
    )


def not_held(number: int) -> Refusal:
    """404 for a dry run that is not kept any more."""
    return not_found("dry run", str(number), "it was started, discarded, or forgotten after a day: send the plan again")


__all__ = ["PlanIntake", "PlanRunStarter", "PlanSent", "not_held"]
