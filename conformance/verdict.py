"""How a case fails, and how it is left out: in words that say the rule, what was seen, and what to do."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from adapters.errors import AdapterError
from conformance.faults import FaultTransport

Found = TypeVar("Found")


class Nonconforming(AssertionError):
    """An adapter breaks a rule of its port."""

    def __init__(self, rule: str, seen: str, do: str) -> None:
        super().__init__(f"\n  rule: {rule}\n  seen: {seen}\n  do:   {do}")
        self.rule, self.seen, self.do = rule, seen, do


class CannotHappen(Exception):
    """A bench says that its system has no such thing; the case is skipped with this reason."""


async def outcome_of(
    call: Callable[[], Awaitable[Found]], rule: str, secrets: Iterable[str], faults: FaultTransport
) -> Found | AdapterError:
    """The outcome of an adapter's call, or its error. Raises Nonconforming for any other, and for one with a secret."""
    try:
        return await call()
    except AdapterError as error:
        if any(secret and secret in str(error) for secret in secrets):
            seen = "an error message shows a password or secret"
            raise Nonconforming(rule, seen, "quote answers, never what was sent") from error
        return error
    except Exception as error:
        raise Nonconforming(
            rule,
            f"{type(error).__name__}: {error}{faults.met}",
            "raise adapters.errors.TransientError or PermanentError, which quotes what was answered",
        ) from error


async def all_at_once(calls: int, one: Callable[[int], Awaitable[None]], rule: str) -> None:
    """Run it for the first, the second, … of so many calls, all at once; the first failure is raised.

    Raises Nonconforming where there is no call.
    """
    if not calls:
        raise Nonconforming(rule, "the adapter made no call", "send its calls through the client that it is given")
    done = await asyncio.gather(*(one(nth) for nth in range(1, calls + 1)), return_exceptions=True)
    for error in done:
        if isinstance(error, BaseException):
            raise error


__all__ = ["CannotHappen", "Nonconforming", "all_at_once", "outcome_of"]
