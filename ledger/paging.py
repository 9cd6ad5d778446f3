"""Keyset pages: the cursor is the key of the last row read, so that pages stay correct while rows come and go."""

import base64
import json
from typing import Generic, TypeVar

from canonical.base import Model

Row = TypeVar("Row")


class Page(Model, Generic[Row]):
    """Some rows, and the cursor of the next ones; `next` None: these are the last."""

    items: tuple[Row, ...]
    next: str | None = None


class BadCursor(ValueError):
    """A cursor that no page issued."""


def cursor(*key: str) -> str:
    """The opaque form of a row's key."""
    return base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode().rstrip("=")


def key_of(after: str, parts: int) -> tuple[str, ...]:
    """The key in a cursor; BadCursor where it has no key of so many fields."""
    try:
        key = json.loads(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)))
    except ValueError:
        key = None
    if not isinstance(key, list) or len(key) != parts or not all(isinstance(part, str) for part in key):
        raise BadCursor(f"{after!r} is not a cursor of this list; take `next` of the page before, or leave it out")
    return tuple(key)
