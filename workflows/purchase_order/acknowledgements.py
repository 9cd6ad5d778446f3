"""What a supplier's systems say of the documents that an order sent: taken, or rejected (CONTRL, APERAK).

Decided here: that a rejected order or change is put to the buyer, until it is sent again, its receipt is confirmed by
the same means, or the supplier answers it anyway. No acknowledgement is an answer: what is promised, only an answer
says. Of a document that a newer one has replaced, and of a reminder, it is only recorded.
"""

import datetime as dt
from typing import Literal

from canonical.base import Criticality
from canonical.exception import Alternative, Choice, ExceptionKind, Proposal
from canonical.messages import DocumentAcknowledgement
from canonical.order import AcknowledgementOutcome
from decisions.placing import foreign_party
from workflows.memory import RecordEvent
from workflows.purchase_order.state import OrderState, Rejection, SentDocument

DOCUMENTS_KEPT = 50
"""The newest documents of an order by which it knows acknowledgements."""
_NAMES = {"order": "the order", "change": "the change", "reminder": "the reminder"}


def note_sent(state: OrderState, reference: str, kind: Literal["order", "change", "reminder"], revision: int) -> None:
    """Remember a document by the reference that acknowledgements name it by."""
    document = SentDocument(reference=reference, kind=kind, revision=revision)
    if document not in state.sent:
        state.sent = [*state.sent, document][-DOCUMENTS_KEPT:]


def take_acknowledgement(state: OrderState, message: DocumentAcknowledgement, record: RecordEvent) -> None:
    """Apply an acknowledgement: a rejection of the newest document is kept for the buyer, its opposite settles it."""
    stated = message.acknowledgement
    foreign = foreign_party(None, stated.sender, state.terms.supplier, state.policy.edifact.addresses)
    if foreign is not None:
        number = stated.acknowledgement_number
        record("acknowledgement.refused", stated.effective_at, acknowledgement_number=number, why=foreign)
        return
    document = _document(state, stated.reference, by_order=stated.order_number is not None)
    replaced = document is None or document.kind == "reminder" or document.revision < state.revision
    means = stated.acknowledgement_number.partition("/")[0]
    record(
        "document.acknowledged",
        stated.effective_at,
        outcome=stated.outcome,
        acknowledgement_number=stated.acknowledgement_number,
        document=document.kind if document else None,
        revision=document.revision if document else None,
        remarks=list(stated.remarks),
    )
    if document is None or replaced or _answered(state, document):
        return
    if stated.outcome is AcknowledgementOutcome.REJECTED:
        why = "; ".join(stated.remarks) or "it gives no reason"
        state.rejection = Rejection(document=document, means=means, why=why[:500], at=stated.effective_at)
    elif stated.outcome is AcknowledgementOutcome.TAKEN and _settles(
        state.rejection, document, means, stated.effective_at
    ):
        state.rejection = None


def _document(state: OrderState, reference: str, *, by_order: bool) -> SentDocument | None:
    known = next((document for document in state.sent if document.reference == reference), None)
    if known is not None or not by_order:
        return known
    return next((document for document in reversed(state.sent) if document.kind != "reminder"), None)


def _settles(rejection: Rejection | None, document: SentDocument, means: str, at: dt.datetime) -> bool:
    """A later word by the same means: that the syntax is right does not settle what the application rejected."""
    return rejection is not None and (rejection.document, rejection.means) == (document, means) and rejection.at < at


def _answered(state: OrderState, document: SentDocument) -> bool:
    """Whether the supplier has answered the document: then it evidently has it."""
    return any(rank.order_revision >= document.revision for rank in state.answers)


def rejected(state: OrderState) -> Proposal | None:
    """The question about a document that the supplier's systems rejected."""
    rejection = state.rejection
    if rejection is None or _answered(state, rejection.document):
        return None
    return Proposal(
        kind=ExceptionKind.NO_ANSWER,
        summary=f"{state.terms.supplier} rejected {_NAMES[rejection.document.kind]} {state.order_number} (revision "
        f"{rejection.document.revision}, {rejection.means} {rejection.document.reference}): {rejection.why}",
        plant=state.terms.plant,
        supplier=state.terms.supplier,
        order_number=state.order_number,
        criticality=min((line.criticality for line in state.lines), default=Criticality.C),
        alternatives=(
            Alternative(choice=Choice.RETRY, note="the cause is settled with the supplier: send it again"),
            Alternative(choice=Choice.CANCEL, note="give the order up; its requirements look elsewhere"),
        ),
        approvers=(state.policy.buyer,),
        rule="R16",
    )


def send_again(state: OrderState) -> None:
    """Have the rejected document sent again, as another document: the supplier's systems know the first as rejected."""
    rejection, state.rejection = state.rejection, None
    if rejection is None:
        return
    state.sent = [document for document in state.sent if document != rejection.document]
    if rejection.document.kind == "order":
        state.resend()
        return
    for line in state.lines:
        if line.changed_in == rejection.document.revision:
            line.ask_again(state.revision + 1)
