"""How calls to counterparts fail.

AdapterError
├── TransientError    may work later as it is: connection cut, 429, 5xx, time-out; `maybe_written` where
│                     the counterpart may have written
└── PermanentError    won't work until a person changes something: credentials, wrong address, a dialect
                      that the counterpart does not speak

A counterpart's reasoned refusal (unknown plant, locked document) is a value, `canonical.order.Refused`, not an error.
UnreadableMessage is of another kind: an incoming message can't be understood and goes to the dead letters.
"""


class AdapterError(Exception):
    """A call to a counterpart failed."""

    def __init__(self, system: str, message: str) -> None:
        super().__init__(f"{system}: {message}")
        self.system = system


class TransientError(AdapterError):
    """The same call may work later."""

    def __init__(
        self, system: str, message: str, *, maybe_written: bool = False, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(system, message)
        self.maybe_written = maybe_written
        self.retry_after_seconds = retry_after_seconds


class PermanentError(AdapterError):
    """The same call won't work until a person changes something; the message says what."""


class UnreadableMessage(Exception):
    """An incoming document that can't be understood: why, and what to do next."""

    def __init__(self, code: str, detail: str, next_step: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.next_step = next_step
