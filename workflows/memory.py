"""What an entity carries between runs: its state, and messages received but not yet processed."""

from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar, get_args

from pydantic import BaseModel, JsonValue, ValidationError

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
    """The subject of the question, if a decision is valid for nothing else."""
    shared: bool = False
    """Other requirements may wait for the same decision."""


class RecordEvent(Protocol):
    """Appends an audit event."""

    def __call__(self, kind: str, business_time: datetime | None = None, /, **data: JsonValue) -> None: ...


Opened = TypeVar("Opened", bound=BaseModel)
State = TypeVar("State", bound=EntityState)
Message = TypeVar("Message", bound=BaseModel)


class SetAside(BaseModel, Generic[Message]):
    """A message that the code can't process: the entity continues without it and retries it later."""

    message: Message
    reason: str


class Unreadable(BaseModel):
    """A message that this code can't read, as it came, for code that can (runtime.temporal)."""

    type: str
    content: str
    """JSON."""
    reason: str


class RunInput(BaseModel, Generic[Opened, State, Message]):
    """The only argument of a run: the message that opens the entity, or what the previous run carried over."""

    opened: Opened | None = None
    state: State | None = None
    inbox: list[Message] = []
    """Messages received but not yet taken."""
    set_aside: list[SetAside[Message]] = []
    unreadable: list[Unreadable] = []
    defect: str = ""
    """The defect that prevents all decisions; empty if there is none."""
    failures: int = 0
    """Consecutive turns that met a defect."""
    retry_at: datetime | None = None
    failing: dict[str, str] = {}
    """Calls that show an incident, with the reason."""
    retake: int | None = None
    """The first turn takes so many messages of the inbox, as the turn did that it repeats; None: all."""

    @property
    def opening(self) -> Opened:
        """The message that opens the entity; only a first run has it."""
        assert self.opened is not None
        return self.opened

    def read_again(self) -> tuple[list[Message], list[Unreadable]]:
        """What an earlier run could not read: the messages that this code can, and the others."""
        [union] = get_args(type(self).model_fields["inbox"].annotation)
        kinds = {kind.__name__: kind for kind in get_args(union) or (union,)}
        read: list[Message] = []
        unreadable: list[Unreadable] = []
        for each in self.unreadable:
            try:
                read.append(kinds[each.type].model_validate_json(each.content))
            except (KeyError, ValidationError):
                unreadable.append(each)
        return read, unreadable


def checkpoint(value: Any) -> Any:
    """A deep copy that shares frozen models with the original."""
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
    """Restore the state to the checkpoint; in place, since other objects refer to it."""
    state.__dict__.update(kept.__dict__)


def event_id(message: BaseModel, depth: int = 3) -> str:
    """The id that the sender gave the message, at any level of nesting; empty if there is none."""
    for name in ("event_id", "exception_id", "order_id", "change_id"):
        if isinstance(found := getattr(message, name, None), str) and found:
            return found
    parts = (part for part in message.__dict__.values() if isinstance(part, BaseModel))
    return next((found for part in parts if depth and (found := event_id(part, depth - 1))), "")
