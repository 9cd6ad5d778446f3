"""What became of a stored message when it was delivered."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settled:
    """The message has had its effect, or needs none."""

    outcome: str
    detail: str = ""


@dataclass(frozen=True)
class Dead:
    """The message can't be understood or addressed."""

    code: str
    detail: str
    next_step: str


@dataclass(frozen=True)
class Postponed:
    """The message is to be delivered later; `engine_down`: so is every other."""

    error: str
    engine_down: bool = False


DeliveryResult = Settled | Dead | Postponed

__all__ = ["Dead", "DeliveryResult", "Postponed", "Settled"]
