"""Where the page of an entity is, and what a person calls it."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode

_PAGES = {
    "requirement": "/requirements/",
    "order": "/orders/",
    "exception": "/questions/",
    "change": "/changes/",
}


def page_of(entity: str, below: str = "") -> str:
    """The address of an entity's page, or of one below it (`trace`); "" where its kind has none."""
    kind, _, rest = entity.partition("/")
    if kind not in _PAGES or not rest:
        return ""
    return _PAGES[kind] + "/".join(quote(part, safe="") for part in rest.split("/")) + (f"/{below}" if below else "")


def name_of(entity: str) -> str:
    """What a person calls it where nothing better is known than its id."""
    kind, *parts = entity.split("/")
    match kind, parts:
        case "requirement", [plant, item, key]:
            return f"{item} at {plant} for {key.partition('~')[2] or key}"
        case "order", [plant, supplier, _]:
            return f"order from {supplier} for {plant}"
        case "exception", [_]:
            return "question"
        case "change", [plant, assembly, revision]:
            return f"{assembly} revision {revision} at {plant}"
        case _:
            return entity


def address(path: str, query: Mapping[str, object], **more: object) -> str:
    """The path with those parameters that say something."""
    stated = {name: str(value) for name, value in {**query, **more}.items() if value not in (None, "", False)}
    return f"{path}?{urlencode(stated)}" if stated else path


def back_to_inbox(address: str) -> str:
    """The address if it is the inbox's, with its filters, whatever a link or form says; else the inbox."""
    return address if address == "/inbox" or address.startswith("/inbox?") else "/inbox"


__all__ = ["address", "back_to_inbox", "name_of", "page_of"]
