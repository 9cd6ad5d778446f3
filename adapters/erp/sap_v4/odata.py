"""OData V4 in SAP Gateway's dialect: one service, its pages, its entity tags, its addresses.

Decided here: keys are path segments; every page is followed, also those of expanded navigations; a link is followed
within the service alone, since the token must reach nobody else; a write carries the entity tag that was read, where
there was one. What an answer means is in adapters.erp.sap.answers.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urlsplit

import httpx

from adapters.erp.sap import batch
from adapters.erp.sap.answers import READ_BY_US, Answers, quoted
from adapters.erp.sap.batch import BatchResponse, Operation
from adapters.erp.sap.sap_error import SapError
from adapters.erp.sap.session import CsrfSession
from adapters.erp.sap_v4.values import dump
from adapters.errors import PermanentError, TransientError
from adapters.http import exchange
from canonical.order import Refused

ROOT = "sap/opu/odata4/sap"
ETAG = "@odata.etag"
_NEXT = "@odata.nextLink"

Entity = dict[str, Any]
Shaped = TypeVar("Shaped")
_PAGE = 500
_PAGES_MAX = 20_000
OTHER_SHAPE = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)
"""How reading a row fails that has another shape than expected."""


class ServiceName(NamedTuple):
    """A service: its name in messages, and its path below the root of all."""

    name: str
    path: str


ORDERS = ServiceName("API_PURCHASEORDER_2", "api_purchaseorder_2/srvd_a2x/sap/purchaseorder/0001")
REQUISITIONS = ServiceName(
    "API_PURCHASEREQUISITION_2", "api_purchaserequisition_2/srvd_a2x/sap/purchaserequisition/0001"
)
CONFIRMATIONS = ServiceName(
    "API_SUPPLIERCONFIRMATION", "api_supplierconfirmation/srvd_a2x/sap/supplierconfirmation/0001"
)
PRODUCTS = ServiceName("API_PRODUCT", "api_product/srvd_a2x/sap/product/0002")


class V4Service:
    """One OData V4 service of a system."""

    def __init__(self, http: httpx.AsyncClient, system: str, service: ServiceName) -> None:
        self._http = http
        self.system = system
        self._name = service.name
        self._path = f"{ROOT}/{service.path}"
        self._answers = Answers(system, service.name)
        self._session = CsrfSession(http, self._path, self._answers, required=False)

    async def read(
        self, address: str, *, where: str = "", expand: str = "", select: str = "", pages_by: str = ""
    ) -> list[Entity]:
        """All matching entities of a set or navigation, over as many pages as the server splits them into.

        `pages_by`: the key to order by, for large sets that we request page by page.
        """
        options = {"$filter": where, "$expand": expand, "$select": select, "$orderby": pages_by}
        found: list[Entity] = []
        following: str | None = _asked(address, options | ({"$top": str(_PAGE), "$skip": "0"} if pages_by else {}))
        seen: set[str] = set()
        asked_for = _PAGE
        while following:
            rows, link = await self._page(following, seen)
            found += rows
            # What was asked for at once may have come over several pages of the server's.
            if link is None and pages_by and len(found) == asked_for:
                asked_for += _PAGE
                link = _asked(address, options | {"$top": str(_PAGE), "$skip": str(len(found))})
            following = link
        for entity in found:
            await self._complete(entity, seen)
        return found

    async def read_as(
        self,
        shape: Callable[[list[Entity]], Shaped],
        address: str,
        *,
        of: tuple[str, str] | None = None,
        **options: str,
    ) -> Shaped:
        """What `shape` makes of the entities. Raises PermanentError, quoting them, where they are of another kind.

        `of`: a field and what it must hold. Entities that hold something else are left out: a field for which SAP
        ignores the filter must not make strange documents ours.
        """
        entities = await self.read(address, **options | ({"where": f"{of[0]} eq {literal(of[1])}"} if of else {}))
        if of is not None:
            field, value = of
            entities = [one for one in entities if same(one.get(field, value), value)]
        try:
            return shape(entities)
        except OTHER_SHAPE as error:
            why = f"{type(error).__name__}: {str(error)[:120]}"
            row = json.dumps(entities[:1], default=str, ensure_ascii=False)[:300]
            raise PermanentError(
                self.system, f"{self._name}/{address} can't be read ({why}); {self._answers.compare}; it answered {row}"
            ) from error

    async def create(self, address: str, body: Mapping[str, Any], *, number: str, key: str) -> Entity | Refused:
        """Deep insert; `number` names the field of the new document's number.

        An answer without a number is a lost answer: the document may be there.
        """
        what = f"POST {address}"
        answer = await self._session.write("POST", address, dump(body), _headers(key))
        if answer.status >= 300:
            return self._answers.refusal(what, answer)
        created = self._answers.body(what, answer, writes=True)
        created = created if isinstance(created, dict) else {}
        self._answers.created(what, answer, created, number)
        self._answers.note_messages(what, created)
        return created

    async def change(self, operations: Sequence[Operation], *, key: str) -> Refused | None:
        """All operations or none: one call, as a changeset where there are several. None: carried out.

        Raises ChangedMeanwhile where an entity is no longer the one whose tag the operation carries.
        """
        if not operations:
            return None
        if len(operations) == 1:
            operation = operations[0]
            content = b"" if operation.body is None else dump(operation.body)
            headers = _headers(key) | ({"If-Match": operation.etag} if operation.etag else {})
            answer = await self._session.write(operation.method, operation.path, content, headers)
            return (
                self._answers.refusal(f"{operation.method} {operation.path}", answer) if answer.status >= 300 else None
            )
        content_type, content = batch.changeset(operations, dump)
        headers = _headers(key) | {"Content-Type": content_type, "Accept": "multipart/mixed"}
        answer = await self._session.write("POST", "$batch", content, headers)
        what = "POST $batch"
        if answer.status >= 300:
            return self._answers.refusal(what, answer)
        try:
            parts = batch.parts(answer.headers.get("content-type", ""), answer.content)
        except ValueError as error:
            raise TransientError(
                self.system, f"{what}: {answer.status}, but {error}; {quoted(answer)}", maybe_written=True
            ) from error
        return self._answers.parts(what, parts, len(operations))

    async def metadata(self) -> httpx.Response:
        """The service's own description, as XML."""
        return await exchange(
            self._http,
            self.system,
            "GET",
            f"{self._path}/$metadata",
            writes=False,
            headers={"Accept": "application/xml"},
        )

    async def _page(self, address: str, seen: set[str]) -> tuple[list[Entity], str | None]:
        if address in seen or len(seen) >= _PAGES_MAX:
            raise PermanentError(self.system, f"{self._name} leads from page to page without end: {address[:120]}")
        seen.add(address)
        what = f"GET {address.partition('?')[0]}"
        response = await exchange(
            self._http, self.system, "GET", f"{self._path}/{address}", writes=False, reads=READ_BY_US
        )
        answer = BatchResponse.of(response)
        if answer.status >= 300:
            raise self._answers.error(what, answer, SapError.read(answer), writes=False)
        body = self._answers.body(what, answer, writes=False)
        rows = body.get("value") if isinstance(body, dict) else None
        if rows is None and isinstance(body, dict) and "@odata.context" in body:
            rows = [body]
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise PermanentError(
                self.system, f"{what}: no rows of OData V4 under `value`; {self._answers.compare}; {quoted(answer)}"
            )
        link = body.get(_NEXT)
        return rows, None if link is None else self._within(address, link)

    async def _complete(self, entity: Entity, seen: set[str]) -> None:
        """Follow the pages of what was expanded, at every level."""
        for name in [name for name in entity if name.endswith(_NEXT)]:
            link = entity.pop(name)
            navigation = name.removesuffix(_NEXT)
            following: str | None = self._within("", link)
            while following:
                rows, following = await self._page(following, seen)
                entity.setdefault(navigation, []).extend(rows)
        for value in entity.values():
            for each in value if isinstance(value, list) else (value,):
                if isinstance(each, dict):
                    await self._complete(each, seen)

    def _within(self, address: str, link: Any) -> str:
        """The address that a link of the server's names, below this service. Raises PermanentError."""
        try:
            url = urlsplit(link if isinstance(link, str) else "//")
        except ValueError:
            url = urlsplit("//")
        path, query = url.path, url.query
        _, below, rest = path.partition(f"/{self._path}/")
        if below:
            path = rest
        elif url.netloc or path.startswith("/"):
            path = query = ""
        elif not path:
            path = address.partition("?")[0] if query else ""
        if not path or ".." in path.split("/"):
            raise PermanentError(
                self.system, f"{self._name}: the next page has no address of this service: {str(link)[:120]!r}"
            )
        return f"{path}?{query}" if query else path


def _headers(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key, "OData-Version": "4.0", "OData-MaxVersion": "4.01"}


def _asked(address: str, options: Mapping[str, str]) -> str:
    given = "&".join(f"{name}={quote(value, safe=',/()$=;')}" for name, value in options.items() if value)
    return f"{address}?{given}" if given else address


def at(entity_set: str, *keys: str) -> str:
    """`PurchaseOrderItem/4500000001/10`: keys as path segments, in the order of the metadata."""
    return "/".join([entity_set, *(quote(key, safe="") for key in keys)])


def literal(text: str) -> str:
    """A string in a filter, quotes doubled."""
    return "'" + text.replace("'", "''") + "'"


def same(held: Any, value: str) -> bool:
    """Whether SAP holds the value, however it pads and spells it."""
    return isinstance(held, str) and held.strip().upper().lstrip("0") == value.upper().lstrip("0")


def rows(entity: Mapping[str, Any], navigation: str) -> list[Entity]:
    """The expanded entities under a navigation; none where it was not expanded."""
    value = entity.get(navigation)
    return list(value) if isinstance(value, list) else []


def to_one(entity: Mapping[str, Any], navigation: str) -> Entity:
    """The expanded entity under a navigation to one; empty where there is none."""
    value = entity.get(navigation)
    return value if isinstance(value, dict) else {}
