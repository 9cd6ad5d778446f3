"""Column types that the tables share.

Decided here: how text and nouns are stored so that nothing a sender can write is refused by PostgreSQL.
Not here: which columns there are (tables.py).
"""

import json
import re
from typing import Any

from sqlalchemy import Dialect, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

from canonical.base import Model

_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
"""An escaped NUL in JSON text, not the end of an escaped backslash."""


class Words(TypeDecorator[str]):
    """Text of any sender: PostgreSQL stores no NUL, so it becomes U+FFFD instead of a failed write."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else value.replace("\0", "\ufffd")


class Document(TypeDecorator[Model]):
    """A noun as JSONB."""

    impl = JSONB
    cache_ok = True

    def __init__(self, model: type[Model]) -> None:
        super().__init__()
        self.model = model

    def process_bind_param(self, value: Model | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        text = value.model_dump_json()
        return json.loads(_NUL.sub(r"\1\\ufffd", text) if r"\u0000" in text else text)

    def process_result_value(self, value: Any, dialect: Dialect) -> Model | None:
        return None if value is None else self.model.model_validate(value)
