"""Books over a restart: what a counterpart remembers, in a file, written before the answer that tells of it leaves.

Decided here: what is written when. A part of the books is either whole (small, or rarely changed) or has entries, of
which new ones are found and changed ones are named by `touch`; entries are never taken out. Not decided here: what the
books hold. The file is SQLite, its rows are pickled: it is for the same version of the simulators, and for nobody else.
"""

import pickle
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

_TABLE = """CREATE TABLE IF NOT EXISTS entry (
    number INTEGER PRIMARY KEY, counterpart TEXT, part TEXT, key TEXT, value BLOB, UNIQUE (counterpart, part, key))"""
_WRITE = """INSERT INTO entry (counterpart, part, key, value) VALUES (?, ?, ?, ?)
    ON CONFLICT (counterpart, part, key) DO UPDATE SET value = excluded.value"""
_WHOLE = ""


class BooksUnreadable(Exception):
    """The file was written by another version; the message says what to do."""


class BooksFile:
    """The file in which the counterparts keep their books."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.file = file
        self._connection = sqlite3.connect(file, check_same_thread=False)
        # A process that is killed loses nothing; only a machine that is may lose the last writes.
        self._connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;" + _TABLE)

    def read(self, counterpart: str, part: str) -> list[tuple[Any, Any]]:
        """The entries of a part with their keys, in the order in which they came. Raises BooksUnreadable."""
        rows = self._connection.execute(
            "SELECT value FROM entry WHERE counterpart = ? AND part = ? ORDER BY number", (counterpart, part)
        )
        try:
            return [pickle.loads(value) for (value,) in rows]
        except Exception as error:  # whatever the classes of another version raise
            raise BooksUnreadable(
                f"{self.file} was written by another version ({error}); remove it to begin with empty books"
            ) from error

    def write(self, rows: Iterable[tuple[str, str, str, bytes]]) -> None:
        """Write entries, all or none."""
        with self._connection:
            self._connection.executemany(_WRITE, rows)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


@dataclass
class _Whole:
    read: Callable[[], Any]
    only_touched: bool
    written: bytes = b""


@dataclass
class _Entries:
    held: dict[Any, Any] | list[Any]
    written: int = 0
    """How many of them are in the file."""


class Shelf:
    """One counterpart's books. Without a file nothing is kept."""

    def __init__(self, file: BooksFile | None = None, counterpart: str = "") -> None:
        self._file, self._counterpart = file, counterpart
        self._wholes: dict[str, _Whole] = {}
        self._audit_log: dict[str, _Entries] = {}
        self._touched: set[tuple[str, Any]] = set()

    def whole(
        self, part: str, read: Callable[[], Any], restore: Callable[[Any], None], *, only_touched: bool = False
    ) -> None:
        """Keep what `read` returns; `restore` gets it back now. `only_touched`: looked at only after a `touch`."""
        self._wholes[part] = _Whole(read, only_touched)
        for _, value in self._file.read(self._counterpart, part) if self._file else ():
            restore(value)

    def entries(self, part: str, held: dict[Any, Any] | list[Any]) -> None:
        """Keep the entries of a dict by key, or of a list by place; those kept before are put in now."""
        for key, value in self._file.read(self._counterpart, part) if self._file else ():
            if isinstance(held, dict):
                held[key] = value
            else:
                held.append(value)
        self._audit_log[part] = _Entries(held, len(held))

    def touch(self, part: str, key: Any = _WHOLE) -> None:
        """An entry has changed, or will before the next `save`."""
        if self._file:
            self._touched.add((part, key))

    def save(self) -> None:
        """Write what is new or has changed."""
        if not self._file:
            return
        rows: list[tuple[str, str, str, bytes]] = []
        for part, whole in self._wholes.items():
            if whole.only_touched and (part, _WHOLE) not in self._touched:
                continue
            value = pickle.dumps((_WHOLE, whole.read()))
            if value != whole.written:
                whole.written = value
                rows.append((self._counterpart, part, _WHOLE, value))
        for part, entries in self._audit_log.items():
            held = entries.held
            keys = held if isinstance(held, dict) else range(len(held))
            new = list(islice(keys, entries.written, None))
            changed = {key for touched, key in self._touched if touched == part and key in keys}.difference(new)
            rows += [(self._counterpart, part, str(key), pickle.dumps((key, held[key]))) for key in (*new, *changed)]
            entries.written = len(held)
        self._touched.clear()
        if rows:
            self._file.write(rows)
