"""Systems that only send documents, of the plants that are shipped."""

import datetime as dt
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import httpx

from adapters.dialects import Connection, Dialects
from adapters.ports import DocumentReader
from canonical.landscape import SystemKind
from policies.book import PolicyBook

NOW = dt.datetime(2027, 2, 1, tzinfo=dt.UTC)
Tables = Mapping[str, Mapping[str, str]]


@cache
def _policies() -> PolicyBook:
    return PolicyBook(Path("policies"), today=NOW.date)


def reader_of(kind: SystemKind, dialect: str, mapping: Tables, options: Mapping[str, str] = {}) -> DocumentReader:
    """Who reads the documents of such a system."""
    nobody = httpx.AsyncClient(transport=httpx.MockTransport(lambda request: httpx.Response(500)))
    connection = Connection("west", nobody, options, 0, 0, _policies(), lambda: NOW, mapping)
    return Dialects(lambda group: ()).documents(kind, dialect).connect(connection).reader
