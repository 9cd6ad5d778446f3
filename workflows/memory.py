"""What an entity keeps between its runs: its state, and what it has received but not yet acted on."""

from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, JsonValue

from canonical.base import Model
from canonical.exception import ExceptionKind
from canonical.identity import ExceptionId
from workflows.event_log import EventLog


class EntityState(BaseModel):
    """Base of the entities' states: one serialisable model each."""

    event_log: EventLog


class OpenQuestion(Model):
    """An exception that waits for a person, as the entity that raised it remembers it."""

    id: ExceptionId
    kind: ExceptionKind
    digest: str
    about: str = ""
    """What the question was put about, where a decision holds for nothing else."""


class RecordEvent(Protocol):
    """Appends an audit event."""

    def __call__(self, kind: str, business_time: datetime | None = None, /, **data: JsonValue) -> None: ...


Opened = TypeVar("Opened", bound=BaseModel)
State = TypeVar("State", bound=EntityState)
Message = TypeVar("Message", bound=BaseModel)


class SetAside(BaseModel, Generic[Message]):
    """A message that the code can't digest: the entity goes on without it, and tries it again later."""

    message: Message
    reason: str


class RunInput(BaseModel, Generic[Opened, State, Message]):
    """The one argument of a run: the message that opens the entity, or what the run before has left."""

    opened: Opened | None = None
    state: State | None = None
    inbox: list[Message] = []
    """Received, not taken yet."""
    set_aside: list[SetAside[Message]] = []
    defect: str = ""
    """What keeps it from deciding anything; empty: nothing does."""
    failures: int = 0
    """How often in a row it has met a defect."""
    retry_at: datetime | None = None

    @property
    def opening(self) -> Opened:
        """The message that opens the entity; of a first run."""
        assert self.opened is not None
        return self.opened


def checkpoint(value: Any) -> Any:
    """A copy that shares what is frozen with the original."""
    if isinstance(value, BaseModel):
        if value.model_config.get("frozen"):
            return value
        copied = value.model_copy()
        copied.__dict__.update({name: checkpoint(each) for name, each in value.__dict__.items()})
        return copied
    if isinstance(value, list):
        return [checkpoint(each) for each in value]
    if isinstance(value, dict):
        return {key: checkpoint(each) for key, each in value.items()}
    return set(value) if isinstance(value, set) else value


def restore(state: BaseModel, kept: BaseModel) -> None:
    """Make the state what it was at the checkpoint; in place, since others hold it."""
    state.__dict__.update(kept.__dict__)


def event_id(message: BaseModel, depth: int = 3) -> str:
    """The id that its sender gave the message, wherever it stands; empty: none is found."""
    for name in ("event_id", "exception_id", "order_id", "change_id"):
        if isinstance(found := getattr(message, name, None), str) and found:
            return found
    parts = (part for part in message.__dict__.values() if isinstance(part, BaseModel))
    return next((found for part in parts if depth and (found := event_id(part, depth - 1))), "")
