"""Search by the beginning of a word, on an index: what a requirement or an order is found by, and what was asked.

A word is what stands between blanks, and each part of it between other marks: `PLO-4711` is found by `plo-47` and by
`4711`. Case does not count. Decided here: what a word is. Not here: which texts of an entity are searched.
"""

import re
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Dialect, cast, true
from sqlalchemy.dialects.postgresql import TSQUERY, TSVECTOR
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import TypeDecorator

_WORDS_MAX = 300
"""Of one entity: an order of two thousand lines is found by its first ones, and by its number."""
_ASKED_MAX = 8
_WORD_LENGTH_MAX = 200
_PARTS = re.compile(r"[\W_]+")


class Searchable(TypeDecorator[frozenset[str]]):
    """Words as PostgreSQL's tsvector, without its parser: business codes are no language. Never read back."""

    impl = TSVECTOR
    cache_ok = True

    def process_bind_param(self, value: Iterable[str] | None, dialect: Dialect) -> str | None:
        return None if value is None else " ".join(_quoted(word) for word in sorted(value))


def words_in(*texts: str | None) -> frozenset[str]:
    """The words of the texts; of very many, the first."""
    found: dict[str, None] = {}
    for text in texts:
        for word in _split(text or ""):
            found.setdefault(word)
            for part in _PARTS.split(word):
                if part:
                    found.setdefault(part)
        if len(found) >= _WORDS_MAX:
            break
    return frozenset(list(found)[:_WORDS_MAX])


def mentions(words: InstrumentedAttribute[Any], asked: str) -> ColumnElement[bool]:
    """Whether each asked word begins one of the words; nothing asked: true."""
    wanted = list(dict.fromkeys(_split(asked)))[:_ASKED_MAX]
    if not wanted:
        return true()
    query = " & ".join(f"{_quoted(word)}:*" for word in wanted)
    return words.bool_op("@@")(cast(query, TSQUERY))


def _split(text: str) -> list[str]:
    return [word[:_WORD_LENGTH_MAX] for word in text.replace("\0", "\ufffd").casefold().split()]


def _quoted(word: str) -> str:
    doubled = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"
