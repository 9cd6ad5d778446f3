"""What a requirement states to orders: a decision on cover as a want, and who takes it.

Each question goes out as a whole want, with the fact of its decision. Quantities are in the need's unit;
only a want is in the order unit. Not here: what is asked for (requirement_cover) and how it is decided (decisions/).
"""

from collections.abc import Collection
from decimal import Decimal

from temporalio import workflow

from activities.desk import DeskActivities
from canonical.calls import AskCoverCall, CoverAsked, CoverChange, CoverOpening
from canonical.cover import CoverHeld, Want
from canonical.records import RequirementStage
from decisions.assess import CoverDecision, NotOrderable, decide_cover
from decisions.cover import release, terms_for, want_for
from decisions.netting import Netting
from workflows.entity import DESK_RETRIES, DESK_TIMEOUT, Entity
from workflows.material_requirement.reasons import CoverQuestion, cover_decided, cover_refused
from workflows.material_requirement.state import RequirementState


class WantStater(Entity):
    """The part of a MaterialRequirement that speaks to orders; each decision needs the assessment of its moment."""

    state: RequirementState

    def decide(
        self,
        quantity: Decimal,
        *,
        exclude: Collection[str] = (),
        only: str | None = None,
        netting: Netting | None = None,
    ) -> CoverDecision | NotOrderable:
        """By all rules, of whom and how the quantity is ordered; `only`: of this supplier, sound or not.

        `netting`: why it is this quantity (R2), where it is not what a person decided.
        """
        state, assessment = self.state, self.state.assessment
        assert assessment is not None
        today = workflow.now().date()
        sources = assessment.item.sources if assessment.item else ()
        excluded = set(exclude) if only is None else {source.supplier for source in sources} - {only}
        asked = sorted(excluded)
        holding = () if only is None else (only,)
        decided = decide_cover(state.acted_on, assessment, today, quantity=quantity, exclude=asked, holding=holding)
        state.decided_under = version = decided.policy.version
        question = CoverQuestion(state.acted_on, assessment, today, quantity, asked, holding)
        if isinstance(decided, CoverDecision):
            reasons = (netting.reason(version), *decided.reasons()) if netting is not None else decided.reasons()
            self.note("cover.decided", **cover_decided(question, decided, reasons))
        elif assessment.item is not None:
            self.note("cover.refused", **cover_refused(question, decided))
        return decided

    async def open_cover(
        self, decided: CoverDecision, *, rule: str, decided_by: str | None = None
    ) -> NotOrderable | None:
        """Want cover of an order that collects, or of a new one."""
        state, source = self.state, decided.source
        want = self._want(decided, decided_by=decided_by, expedite=None, rule=rule)
        self._note_want(want, source.supplier)
        opening = CoverOpening(want=want, terms=terms_for(want, decided.choice), source=source, policy=decided.policy)
        asked = await self._ask(openings=(opening,))
        reservation = asked.reservations[0]
        held, known = reservation.held or want, state.held(reservation.order_id)
        cover = CoverHeld(order_id=reservation.order_id, supplier=source.supplier, want=held)
        if known is None:
            state.covers.append(cover)
        else:
            state.replace_cover(known.order_id, want=held, settled=0)
        before = known.needed if known else Decimal(0)
        if before > 0 or (held.lots, held.dock_date) != (want.lots, want.dock_date):
            # The order has this want instead of the one before, or of one that a former attempt of this task had asked.
            whole = before + decided.choice.quantity
            return await self.change_cover(cover, whole, rule=rule, decided_by=decided_by)
        return None

    async def change_cover(
        self,
        cover: CoverHeld,
        quantity: Decimal,
        *,
        rule: str,
        decided_by: str | None = None,
        expedite: bool = False,
        netting: Netting | None = None,
    ) -> NotOrderable | None:
        """State a new want to the order that knows the requirement."""
        if self.state.source_of(cover) is None or quantity <= 0:
            await self.release(cover, rule=rule, decided_by=decided_by)
            return None
        decided = self.decide(quantity, only=cover.supplier, netting=netting)
        if isinstance(decided, NotOrderable):
            return decided
        want = self._want(decided, decided_by=decided_by, expedite=expedite, rule=rule)
        await self._state_want(cover, want)
        return None

    async def release(self, cover: CoverHeld, *, rule: str, decided_by: str | None = None) -> None:
        """Nothing more is wanted of the order."""
        want = release(cover.want, need_revision=self.state.next_revision(), reason=rule)
        await self._state_want(cover, want.model_copy(update={"approved_by": decided_by, "stated_at": workflow.now()}))

    async def _state_want(self, cover: CoverHeld, want: Want) -> None:
        self._note_want(want, cover.supplier)
        self.state.replace_cover(cover.order_id, want=want)
        asked = await self._ask(changes=(CoverChange(order_id=cover.order_id, want=want),))
        if not asked.delivered[0]:
            self.state.replace_cover(cover.order_id, released=True)

    def _want(self, decided: CoverDecision, *, decided_by: str | None, expedite: bool | None, rule: str) -> Want:
        state, need = self.state, self.state.acted_on
        want = want_for(
            need,
            decided.choice.item,
            decided.choice,
            decided.policy,
            requirement_id=state.id,
            need_revision=state.next_revision(),
            today=workflow.now().date(),
            correlation_id=state.correlation_id,
            expedite=expedite,
            approved_by=decided_by,
            reason=f"{rule}: {decided.choice.why}",
        )
        answered_on = need.demanded_by is not None and need.demanding_line is not None
        item_class = decided.choice.item.item_class
        return want.model_copy(
            update={"stated_at": workflow.now(), "answered_on": answered_on, "item_class": item_class}
        )

    async def _ask(
        self, *, openings: tuple[CoverOpening, ...] = (), changes: tuple[CoverChange, ...] = ()
    ) -> CoverAsked:
        # The entry goes out with the question: the ledger is told of the state that the question leads to.
        self.state.stage, self.state.reason = RequirementStage.COVERED, "asked of an order; waits for the supplier"
        entry = self.entry()
        call = AskCoverCall(entry=entry, openings=openings, changes=changes, correlation_id=self.state.correlation_id)
        return await self.carried(
            entry,
            lambda: workflow.execute_local_activity_method(
                DeskActivities.ask_cover, call, start_to_close_timeout=DESK_TIMEOUT, retry_policy=DESK_RETRIES
            ),
            "desk.ask_cover",
        )

    def _note_want(self, want: Want, supplier: str) -> None:
        self.note(
            "cover.wanted",
            supplier=supplier,
            quantity=str(want.quantity),
            needed=str(want.needed),
            unit=want.unit,
            dock_date=want.dock_date.isoformat(),
            send_by=want.send_by.isoformat(),
            expedite=want.expedite,
            decided_by=want.approved_by,
            why=want.reason,
        )
