"""SAP's error bodies, and what each of them means for the call. Pure: no I/O.

Decided here: which error is a lock, a missing right, a fault of the set-up or a refusal. SAP sends JSON (OData V2 and
V4) or XML; the number that says what happened may stand at the top or only in the details, under a general code of the
gateway. Class and number decide first, since texts change with language and release; then the text.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from adapters.erp.sap.batch import BatchResponse
from adapters.http import quoted

_REASON = 300
_LOOKED_AT = 20_000
_OTHERS_MAX = 20
"""The most details that are looked at."""


class Meaning(StrEnum):
    """What an error means for the call."""

    LOCKED = "locked"
    """Another user or session holds the document; the same call works later."""
    CHANGED_MEANWHILE = "changed_meanwhile"
    """The document changed between reading and writing; works after reading again."""
    NO_RIGHT = "no_right"
    """The communication user lacks an authorization."""
    NOT_REPEATABLE = "not_repeatable"
    """The idempotency framework, to which RequestID and RepeatabilityCreation are addressed, is not set up."""
    DONE_BEFORE = "done_before"
    """The same request was carried out earlier; its result is no longer kept."""
    NOT_UNDERSTOOD = "not_understood"
    """The gateway can't read the request, or has no such service."""
    REFUSED = "refused"
    """A business reason: delivered, invoiced, in approval, a rule of customizing. For a person."""


_LOCKS = frozenset({"06/001", "06/006", "ME/006", "MC/601", "MMPUR_INTEGRATION_PO/002"})
"""Class and number: record blocked by another user; document being processed; user already processing; object requested
is locked; purchase order locked in another session."""
_OTHER_THAN_A_LOCK = re.compile(r"function|funktion", re.IGNORECASE)
"""06/006 in older releases: a function that is not defined."""
_OPEN_APPROVAL = re.compile(
    r"\b(in|for|under|awaits?|awaiting|pending|requires?|subject to|open) (an? )?(approval|release)\b"
    r"|\bapproval (process|workflow|is|pending|in progress|not)\b|\brelease (strategy|procedure|process)\b"
    r"|\bnot (yet )?(been )?(approved|released)\b|genehmig|freigab",
    re.IGNORECASE,
)
"""May sound like a lock, but lasts until a person decides."""
_LOCKED = re.compile(
    r"""
      \bunable\ to\ lock\b | \b(can\s?not|could\ not)\ (be\ )?lock(ed)?\b
    | \block\ (could\ not|can\s?not)\ be\ (set|obtained|acquired)\b
    | \blocked\ (by|for\ (editing|processing|changes)|(in|by|from)\ (another|a\ different)|against)\b
    | \b(blocked|held|used|edited|changed|processed|opened)\ by\ (another|a\ different)\ (user|session|process)\b
    | \balready\ (being\ (locked|processed|edited|changed|used)|processing|editing|changing|locked|in\ use)\b
    | \balready\ (processed|edited|opened|used)\ by\b
    | \b(currently|just|still)\ (being\ )?(process(ing|ed)|edit(ing|ed)|chang(ing|ed)|locked|used|in\ use)\b
    | \bis\ being\ (locked|processing|processed|edited|changed|used)\b
    | \banother\ (user|session)\ (is|has)\b
    | \bwird\b.*\b(von|durch)\b.*\b(bearbeitet|gesperrt|geändert|verarbeitet)\b
    | \bbearbeitet\ (bereits|gerade|derzeit|momentan)\b
    | \bgesperrt\ (von|durch)\ (den\ |einen\ )?(anderen\ )?(be)?nutzer\b
    | \b(von|durch)\ (den\ |einen\ )?(anderen\ )?(be)?nutzer\b.*\bgesperrt\b | \bin\ einer?\ anderen\ (sitzung|modus)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_RIGHT_MISSING = re.compile(
    r"\bno(t| )\s?authori[sz](ation|ed)\b|\b(missing|lack(ing|s)?|without) (an |the )?authori[sz]ation\b"
    r"|\bkeine berechtigung\b|\bberechtigung .*\bfehlt\b|\bfehlende berechtigung\b",
    re.IGNORECASE,
)
_IDEMPOTENCY, _OUTDATED = "/IWBEP/CM_COS/", "/IWBEP/CM_COS/005"
_GATEWAY_ITSELF = "/IWFND/"
"""Errors of SAP Gateway's own: no such service, or a request that it can't read; never a business reason."""
_NO_SERVICE = "/IWFND/MED/"
_GENERAL = re.compile(r"^(/IWBEP/|/IWFND/|SY/530$|[0-9A-F]{20,}$|$)")
"""Codes that say that there is an error, not which."""
_WRITTEN_TOGETHER = re.compile(r"^([A-Z][A-Z0-9_]*|[0-9][0-9A-Z])[ -]?(\d{3})(/[EAX])?$")


@dataclass(frozen=True)
class SapError:
    """An error body as read: all codes in SAP's order, the text, the item at fault where one is named."""

    codes: tuple[str, ...]
    message: str
    line: int | None = None

    @classmethod
    def read(cls, answer: BatchResponse) -> "SapError | None":
        """The error that a body holds; None where it holds none."""
        start = answer.content[:_LOOKED_AT].decode("utf-8", "replace").lstrip("\ufeff \r\n\t")
        if start.startswith("<"):
            return cls._of_xml(start) if re.search(r"<(\w+:)?error\b", start) else None
        try:
            error = answer.body()["error"]
        except (ValueError, LookupError, TypeError):
            return None
        return cls._of_json(error) if isinstance(error, dict) else None

    @classmethod
    def _of_json(cls, error: dict[str, Any]) -> "SapError":
        text = _text(error.get("message"))
        severe = [one for one in _details(error) if _is_severe(one)]
        others = [_text(one.get("message")) for one in severe]
        said = dict.fromkeys([text, *others])
        codes = [_code(one.get("code")) for one in (error, *severe)]
        targets = " ".join(str(one.get("target", "")) for one in (error, *severe))
        return cls(tuple(dict.fromkeys(codes)), "; ".join(filter(None, said))[:_REASON], _line_of(targets))

    @classmethod
    def _of_xml(cls, text: str) -> "SapError":
        found = {tag: re.findall(rf"<(?:\w+:)?{tag}\b[^<>]*>([^<]*)<", text) for tag in ("code", "message", "target")}
        said = dict.fromkeys(_text(html.unescape(one)) for one in found["message"][:_OTHERS_MAX])
        codes = dict.fromkeys(_code(one) for one in found["code"][:_OTHERS_MAX])
        return cls(tuple(codes) or ("",), "; ".join(filter(None, said))[:_REASON], _line_of(" ".join(found["target"])))

    @property
    def code(self) -> str:
        """The code that says most: class and number, else SAP's general one."""
        return next((code for code in self.codes if not _GENERAL.match(code)), self.codes[0]) or "unknown"

    def meaning(self, status: int) -> Meaning:
        """What it means for the call, with the status it came with."""
        if any(code.startswith(_OUTDATED) for code in self.codes):
            return Meaning.DONE_BEFORE
        if any(code.startswith(_IDEMPOTENCY) for code in self.codes):
            return Meaning.NOT_REPEATABLE
        if self.codes[0].startswith(_GATEWAY_ITSELF):
            return Meaning.NOT_UNDERSTOOD
        if self._is_lock(status):
            return Meaning.LOCKED
        if status == 412:
            return Meaning.CHANGED_MEANWHILE
        return Meaning.NO_RIGHT if _RIGHT_MISSING.search(self.message) else Meaning.REFUSED

    def _is_lock(self, status: int) -> bool:
        locks = _LOCKS.intersection(self.codes)
        if locks and not (locks == {"06/006"} and _OTHER_THAN_A_LOCK.search(self.message)):
            return True
        return (status == 423 or _LOCKED.search(self.message) is not None) and not _OPEN_APPROVAL.search(self.message)

    @property
    def no_service(self) -> bool:
        """The gateway has no such service."""
        return self.codes[0].startswith(_NO_SERVICE)

    def __str__(self) -> str:
        return f"{self.code} {self.message}".strip()


def _details(error: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The details of OData V2 (innererror.errordetails) and V4 (details)."""
    inner = error.get("innererror")
    for among in (inner.get("errordetails") if isinstance(inner, dict) else None, error.get("details")):
        # SAP's XML converter nests the list once more.
        nested = among.get("errordetail") if isinstance(among, dict) else among
        for one in nested[:_OTHERS_MAX] if isinstance(nested, list) else ():
            if isinstance(one, dict):
                yield one


def _is_severe(detail: dict[str, Any]) -> bool:
    for name in ("@Common.numericSeverity", "@SAP__common.numericSeverity"):
        if name in detail:
            return str(detail[name]) == "4"
    return str(detail.get("severity", "error")).lower() in ("error", "abort", "")


def _text(message: Any) -> str:
    value = message.get("value") if isinstance(message, dict) else message
    return quoted(value.encode("utf-8", "replace")) if isinstance(value, str) else ""


def _code(code: Any) -> str:
    """A code as class/number, however it is written: 06/115, 06115, ME 006, ME/6."""
    plain = " ".join(str(code).upper().split())[:60] if isinstance(code, str | int | Decimal) else ""
    if _GENERAL.match(plain) and "/" not in plain:
        return plain
    name, slash, number = plain.rpartition("/")
    if slash and name and number.isascii() and number.isdigit():
        return f"{name.strip()}/{number:0>3}"
    found = _WRITTEN_TOGETHER.match(plain)
    return f"{found[1]}/{found[2]}" if found else plain


def _line_of(target: str) -> int | None:
    found = re.search(r"Item\s*=\s*'(\d{1,6})'", target)
    return int(found.group(1)) or None if found else None
