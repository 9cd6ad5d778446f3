"""The reason for a decision, as the trace, the exception and the audit show it."""

from decimal import Decimal

from pydantic import JsonValue

from canonical.base import Model


class Reason(Model):
    """One rule's outcome, so that a person can check it by hand."""

    rule: str
    """R1 to R17."""
    why: str
    """One sentence in the buyer's words."""
    inputs: dict[str, JsonValue] = {}
    """The compared values."""
    thresholds: dict[str, JsonValue] = {}
    """The policy values it was compared with, by their keys."""
    policy_version: str = ""


def figure(quantity: Decimal) -> str:
    """A quantity as a person writes it: no exponent, no zeros behind."""
    return f"{quantity.normalize():f}"


__all__ = ["JsonValue", "Reason", "figure"]
