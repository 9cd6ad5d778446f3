"""Odoo's external JSON-2 API: calls of one database, and what its answers mean.

Decided here: a parameter's name is the method's own in whatever module overrides it last, so the names that Odoo's
modules use are tried in turn (a call with a wrong name is refused before anything happens, with 422); names of fields
that differ between versions are looked up in the model's description; which answer is a result, a refusal, a transient
or a permanent error. The traceback in an error (`debug`) is shown to nobody. Not decided here: what is written when.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from adapters.errors import AdapterError, PermanentError, TransientError
from adapters.exact_json import dumps, loads
from adapters.http import exchange, failure, said
from canonical.order import Refused

Row = Mapping[str, Any]
Domain = Sequence[Any]
Shaped = TypeVar("Shaped")

OTHER_SHAPE = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)
"""How reading a row fails that has another shape than expected."""
_READ_BY_US = range(400, 600)
_PAGE = 500
_WRONG_PARAMETER = re.compile(r"missing a required|unexpected keyword")
_NAMES: Mapping[str, Sequence[str]] = {"create": ("vals_list", "vals", "values"), "write": ("vals", "values")}
_BUSY = re.compile(r"SerializationFailure|DeadlockDetected|LockNotAvailable|ConcurrencyError|LockError")


@dataclass(frozen=True)
class _Said:
    name: str
    message: str

    def __str__(self) -> str:
        return f"it answered {self.name}: {self.message or 'nothing'}"


class OdooApi:
    """One database. `company`: the records of which company are worked on; None: those of the user's default."""

    def __init__(self, http: httpx.AsyncClient, system: str, *, database: str = "", company: int | None = None) -> None:
        self.system = system
        self.company = company
        self._http = http
        self._headers = {"Content-Type": "application/json", **({"X-Odoo-Database": database} if database else {})}
        self._context = {"lang": "en_US", **({"allowed_company_ids": [company]} if company else {})}
        self._fields: dict[str, Mapping[str, Row]] = {}
        self._parameter: dict[tuple[str, str], str] = {}

    # -- reading

    async def fields(self, model: str) -> Mapping[str, Row]:
        """The model's fields with type and digits, read once."""
        if model not in self._fields:
            found = await self._call(model, "fields_get", {"attributes": ["type", "digits", "relation"]}, writes=False)
            if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
                raise PermanentError(self.system, f"{model}/fields_get: no description of fields")
            self._fields[model] = found
        return self._fields[model]

    async def field(self, model: str, *names: str) -> str:
        """The first of these names that the model has: what a field is called in this version."""
        known = await self.fields(model)
        for name in names:
            if name in known:
                return name
        raise PermanentError(
            self.system, f"{model} has none of the fields {', '.join(names)}; is its module installed?"
        )

    async def digits(self, model: str, field: str) -> int | None:
        """The decimals that a field is rounded to; None: it is not."""
        digits = (await self.fields(model)).get(field, {}).get("digits")
        return int(digits[1]) if isinstance(digits, list) and len(digits) == 2 else None

    async def search(self, model: str, domain: Domain, fields: Sequence[str], *, order: str = "id") -> list[Row]:
        """All records of the domain, page by page."""
        rows: list[Row] = []
        while True:
            asked = {"domain": domain, "fields": fields, "limit": _PAGE, "offset": len(rows), "order": order}
            page = await self._call(model, "search_read", asked, writes=False)
            if not isinstance(page, list) or not all(isinstance(row, dict) for row in page):
                raise PermanentError(self.system, f"{model}/search_read: no rows; it answered {str(page)[:200]}")
            rows += page
            if len(page) < _PAGE:
                return rows

    async def search_as(
        self,
        shape: Callable[[list[Row]], Shaped],
        model: str,
        domain: Domain,
        fields: Sequence[str],
        *,
        order: str = "id",
    ) -> Shaped:
        """What `shape` makes of the records. Raises PermanentError, quoting one, where they are of another kind."""
        rows = await self.search(model, domain, fields, order=order)
        try:
            return shape(rows)
        except OTHER_SHAPE as error:
            why = f"{type(error).__name__}: {str(error)[:120]}"
            row = json.dumps(rows[:1], default=str, ensure_ascii=False)[:300]
            raise PermanentError(self.system, f"{model} can't be read ({why}); it answered {row}") from error

    async def ask(self, model: str, method: str, ids: Sequence[int] = (), **parameters: Any) -> Any:
        """A method that changes nothing."""
        return await self._call(model, method, {"ids": ids, **parameters}, writes=False)

    async def reached(self) -> httpx.Response:
        """The answer to a call that every user may make, for the clock in its headers."""
        body = dumps({"domain": [], "fields": ["id"], "limit": 1})
        return await exchange(
            self._http,
            self.system,
            "POST",
            "json/2/res.company/search_read",
            writes=False,
            headers=self._headers,
            content=body,
        )

    # -- writing

    async def create(self, model: str, values: Row, *, key: str) -> int | Refused:
        """A record; an answer without its id is a lost one."""
        created = await self._written(model, "create", (), [values], key)
        if isinstance(created, Refused):
            return created
        identity = created[0] if isinstance(created, list) and len(created) == 1 else created
        if isinstance(identity, bool) or not isinstance(identity, int) or identity <= 0:
            raise TransientError(
                self.system, f"{model}/create: no id; it answered {str(created)[:200]}", maybe_written=True
            )
        return identity

    async def write(self, model: str, ids: Sequence[int], values: Row, *, key: str) -> Refused | None:
        """Write into records, all or none."""
        written = await self._written(model, "write", ids, values, key)
        return written if isinstance(written, Refused) else None

    async def press(self, model: str, button: str, ids: Sequence[int], *, key: str) -> Refused | None:
        """What a button does."""
        done = await self._call(model, button, {"ids": ids}, writes=True, key=key)
        return done if isinstance(done, Refused) else None

    async def _written(self, model: str, method: str, ids: Sequence[int], value: Any, key: str) -> Any:
        """Give the value under the name that the method has for it."""
        known = self._parameter.get((model, method))
        names = [known] if known else list(_NAMES[method])
        refused: Any = None
        for name in names:
            body = {name: value, **({"ids": ids} if ids else {})}
            refused = await self._call(model, method, body, writes=True, key=key)
            if not (isinstance(refused, Refused) and refused.code == "parameter"):
                self._parameter[model, method] = name
                return refused
        raise PermanentError(self.system, f"{model}/{method} takes none of {', '.join(names)}; {refused.reason}")

    async def _call(self, model: str, method: str, body: Row, *, writes: bool, key: str = "") -> Any:
        what = f"{model}/{method}"
        headers = {**self._headers, **({"Idempotency-Key": key} if key else {})}
        answer = await exchange(
            self._http,
            self.system,
            "POST",
            f"json/2/{model}/{method}",
            writes=writes,
            headers=headers,
            content=dumps({**body, "context": self._context}),
            reads=_READ_BY_US,
        )
        if answer.status_code >= 300:
            return self._no(what, answer, writes)
        try:
            return loads(answer.content)
        except ValueError as error:
            quote = said(answer.headers, answer.content)
            raise TransientError(
                self.system,
                f"{what}: {answer.status_code}, but no JSON that can be read; {quote}",
                maybe_written=writes,
            ) from error

    def _no(self, what: str, answer: httpx.Response, writes: bool) -> Refused:
        """The refusal in an answer to a write. Raises an AdapterError where it is none."""
        error = _of(answer)
        if error is None:
            quote = said(answer.headers, answer.content)
            raise failure(self.system, what, answer.status_code, answer.headers, quote, writes)
        if answer.status_code == 422 and _WRONG_PARAMETER.search(error.message):
            if writes:
                return Refused(system=self.system, code="parameter", reason=error.message)
            raise PermanentError(self.system, f"{what}: 422; not a version of Odoo we speak; {error}")
        if writes and answer.status_code == 422:
            return Refused(
                system=self.system, code=error.name.rpartition(".")[2][:60], reason=error.message or "no reason given"
            )
        raise self._error(what, answer, error, writes)

    def _error(self, what: str, answer: httpx.Response, error: _Said, writes: bool) -> AdapterError:
        head = f"{what}: {answer.status_code}"
        if _BUSY.search(error.name) or answer.status_code == 409:
            # Odoo rolls such a transaction back; nothing was written.
            return TransientError(self.system, f"{head}; in use by somebody else, so it is tried again; {error}")
        match answer.status_code:
            case 401:
                step = "check the API key, which lives three months at most"
                return PermanentError(self.system, f"{head}; {step}; {error}")
            case 403:
                return PermanentError(self.system, f"{head}; have the rights of the API user extended; {error}")
            case 404:
                step = (
                    "check the base URL, the database, and that the modules purchase and purchase_stock are installed"
                )
                return PermanentError(self.system, f"{head}; {step}; {error}")
            case 500 if error.name.startswith("builtins.") and "Invalid field" in error.message:
                return PermanentError(self.system, f"{head}; not a version of Odoo we speak; {error}")
        return failure(self.system, what, answer.status_code, answer.headers, str(error), writes)


def _of(answer: httpx.Response) -> _Said | None:
    """The error in an answer; None: it is not Odoo's API that answers."""
    try:
        body = loads(answer.content)
        name, message = body["name"], body.get("message")
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    if not isinstance(name, str):
        return None
    return _Said(name[:100], " ".join(str(message or "").split())[:500])
