"""What SAP's answers mean for a call: a result, a refusal, a transient or a permanent error.

Decided here, for OData V2 and V4 alike: which status and error body is which. What an error body says is in
sap_error.py.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import httpx

from adapters.erp.sap.batch import BatchResponse
from adapters.erp.sap.sap_error import Meaning, SapError
from adapters.errors import AdapterError, PermanentError, TransientError
from adapters.http import failure, said
from canonical.order import Refused

REPEATABLE_SETTING = "PEGLINE_ERP_REPEATABLE_REQUESTS"
READ_BY_US = range(400, 600)
"""Statuses that may come with an error body of SAP's."""
_NUMBER_MAX = 35
_WARNING = 3

log = logging.getLogger(__name__)


class ChangedMeanwhile(TransientError):
    """The document is not as it was read (412): nothing was written."""


class Answers(NamedTuple):
    """Reads the answers of one service of one system."""

    system: str
    service: str

    def body(self, what: str, answer: BatchResponse, *, writes: bool) -> Any:
        """The answer's JSON; a cut answer may be whole the next time. Raises TransientError."""
        try:
            return answer.body()
        except ValueError as error:
            raise TransientError(
                self.system,
                f"{what}: {answer.status}, but no JSON that can be read; {quoted(answer)}",
                maybe_written=writes,
            ) from error

    def created(self, what: str, answer: BatchResponse, entity: Mapping[str, Any] | None, number: str) -> str:
        """The new document's number. An answer without it is a lost answer: raises TransientError, maybe written."""
        found = entity.get(number) if entity is not None else None
        if not isinstance(found, str) or not 0 < len(found.strip()) <= _NUMBER_MAX or not found.isprintable():
            raise TransientError(
                self.system, f"{what}: {answer.status}, but no {number}; {quoted(answer)}", maybe_written=True
            )
        return found

    def parts(self, what: str, answers: Sequence[BatchResponse], operations: int) -> Refused | None:
        """The refusal among the answers of one changeset; None: all was carried out. Raises an AdapterError."""
        failed = next((part for part in answers if part.status >= 300), None)
        if failed is not None:
            return self.refusal(what, failed)
        if len(answers) != operations:
            raise TransientError(
                self.system, f"{what} answered {len(answers)} of {operations} operations", maybe_written=True
            )
        return None

    def refusal(self, what: str, answer: BatchResponse) -> Refused:
        """The refusal in an answer to a write. Raises an AdapterError where it is none."""
        error = SapError.read(answer)
        if error is None or answer.status >= 500 or answer.status in (401, 403, 429):
            raise self.error(what, answer, error, writes=True)
        if error.meaning(answer.status) is not Meaning.REFUSED:
            raise self.error(what, answer, error, writes=True)
        return Refused(system=self.system, code=error.code, reason=error.message or "no reason given", line=error.line)

    def error(self, what: str, answer: BatchResponse, error: SapError | None, *, writes: bool) -> AdapterError:
        """The error for an answer that is neither a result nor a refusal, with what SAP said."""
        quote = quoted(answer, error)
        head = f"{what}: {answer.status}"
        match error.meaning(answer.status) if error else None:
            case Meaning.LOCKED:
                return TransientError(self.system, f"{head}; in use by somebody else, so it is tried again; {quote}")
            case Meaning.CHANGED_MEANWHILE:
                return ChangedMeanwhile(self.system, f"{head}; in use by somebody else, so it is tried again; {quote}")
            case Meaning.DONE_BEFORE:
                return TransientError(self.system, f"{head}; SAP carried it out earlier; {quote}", maybe_written=True)
            case Meaning.NOT_REPEATABLE:
                step = f"set up SAP's idempotency framework, or set {REPEATABLE_SETTING}=off"
                return PermanentError(self.system, f"{head}; {step}; {quote}")
            case Meaning.NO_RIGHT:
                return PermanentError(self.system, f"{head}; {self.extend_rights}; {quote}")
        if answer.status == 412:
            return ChangedMeanwhile(self.system, f"{head}; changed by somebody else meanwhile; {quote}")
        if answer.status >= 500 or answer.status in (401, 408, 423, 425, 429):
            return failure(self.system, what, answer.status, answer.headers, quote, writes)
        if answer.status == 404 or (error and error.no_service):
            return PermanentError(
                self.system, f"{head}; check the base URL, and that {self.service} is active in the ERP; {quote}"
            )
        if answer.status == 403:
            return PermanentError(self.system, f"{head}; {self.extend_rights}; {quote}")
        return PermanentError(self.system, f"{head}; {self.compare}; {quote}")

    def note_messages(self, what: str, entity: Mapping[str, Any]) -> None:
        """Log the warnings and errors that SAP adds to an entity that it accepted (V4)."""
        held = entity.get("SAP__Messages")
        for one in held[:20] if isinstance(held, list) else ():
            severity = one.get("numericSeverity") if isinstance(one, dict) else None
            if isinstance(severity, int) and severity >= _WARNING:
                log.warning("%s: %s says %s %s", what, self.system, one.get("code"), str(one.get("message"))[:300])

    @property
    def compare(self) -> str:
        """The next step where the service is not as it is asked."""
        return f"compare the $metadata of {self.service} with what it is asked for"

    @property
    def extend_rights(self) -> str:
        """The next step where a right is missing."""
        return f"have the rights of the communication user extended for {self.service}"


def wants_token(response: httpx.Response) -> bool:
    """Whether a 403 is for a token that is no longer valid; a gateway in between may drop SAP's header."""
    return response.headers.get("x-csrf-token", "").lower() == "required" or b"csrf" in response.content[:500].lower()


def quoted(answer: BatchResponse, error: SapError | None = None) -> str:
    """What SAP said: its own code and text, else the beginning of the body, with the content type."""
    if error is None:
        return said(answer.headers, answer.content)
    kind = answer.headers.get("content-type", "").partition(";")[0].strip()[:60]
    return f"it answered {kind or 'without a content type'}: {error}"
