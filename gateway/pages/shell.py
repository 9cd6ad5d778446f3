"""What all pages share: templates, how values are written, the security headers, and forms.

Pages are HTML that works without script; htmx and hotkeys.js only save a reload. Decided here: formats and headers. Not
here: what a page shows.
"""

import datetime as dt
import hmac
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.datastructures import FormData

from gateway.access.principal import Principal, Right
from gateway.pages.links import name_of, page_of
from gateway.pages.static import address_of
from gateway.problems import Refusal

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
NAVIGATION: tuple[tuple[str, str, Right], ...] = (
    ("/inbox", "Inbox", Right.READ),
    ("/requirements", "Requirements", Right.READ),
    ("/orders", "Orders", Right.READ),
    ("/changes", "Changes", Right.READ),
    ("/plans", "Plan runs", Right.READ),
    ("/suppliers", "Suppliers", Right.READ),
    ("/kpis", "KPIs", Right.READ),
    ("/operations", "Operations", Right.OPERATE),
)
"""Address, label and the right that shows it."""

_FORM_BYTES_OF_A_PART_MAX = 1024 * 1024


def quantity(value: Decimal | None, unit: str = "") -> str:
    """A quantity with its unit, without trailing zeros; a dash where there is none."""
    if value is None:
        return "–"
    return f"{_grouped(value)} {unit}".strip()


def money(value: Decimal | None, currency: str = "") -> str:
    """An amount with two decimals and its currency; a dash where there is none."""
    return "–" if value is None else f"{value:,.2f} {currency}".replace(",", "\u202f").strip()


def day(value: dt.date | None) -> str:
    """A date as ISO; a dash where there is none."""
    return "–" if value is None else value.isoformat()


def moment(value: dt.datetime | None, zone: dt.tzinfo) -> str:
    """A moment by the clocks of a zone, with the zone's name; a dash where there is none."""
    if value is None:
        return "–"
    local = value.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M} {local.tzname()}"


def begun(text: str) -> str:
    """A text as the beginning of a sentence."""
    return f"{text[:1].upper()}{text[1:]}"


def _grouped(value: Decimal) -> str:
    return f"{value.normalize():,f}".replace(",", "\u202f")


_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.globals.update(static=address_of, page_of=page_of, name_of=name_of)
_TEMPLATES.filters.update(quantity=quantity, money=money, day=day, begun=begun)


def render(
    request: Request,
    template: str,
    principal: Principal,
    values: Mapping[str, Any],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """A page (or a part of one) from a template, which gets `principal`, `navigation` and `path` besides the values."""
    shown = [(address, label) for address, label, right in NAVIGATION if principal.may(right)]
    text = _TEMPLATES.get_template(template).render(
        {"principal": principal, "navigation": shown, "path": request.url.path, **values}
    )
    return HTMLResponse(text, status, headers={**HEADERS, **(headers or {})})


def fragment(template: str, macro: str, values: Mapping[str, Any], *args: Any, **given: Any) -> str:
    """What a template's macro writes, for a part of a page that changes by itself; its context are the values."""
    module = _TEMPLATES.get_template(template).make_module(dict(values))
    return str(getattr(module, macro)(*args, **given))


def see(address: str) -> RedirectResponse:
    """The answer to a form that was taken: the browser reads this address."""
    return RedirectResponse(address, 303, headers=HEADERS)


async def form_of(request: Request, principal: Principal) -> FormData:
    """The fields of a form. Raises Refusal (403) where it is not one of this session's pages'."""
    fields = await request.form(max_files=20, max_fields=2_000, max_part_size=_FORM_BYTES_OF_A_PART_MAX)
    given = fields.get("csrf_token", "")
    if principal.csrf_token and not (isinstance(given, str) and hmac.compare_digest(given, principal.csrf_token)):
        raise Refusal(
            403,
            "stale_form",
            "this form is not of your present session",
            "go back, reload the page and send it again; what you wrote is still in the form",
            field="csrf_token",
        )
    return fields


def text_of(fields: FormData, name: str) -> str:
    """A field's text, with its line ends as \\n; "" where it is left out, or is a file."""
    given = fields.get(name, "")
    return given.strip().replace("\r\n", "\n") if isinstance(given, str) else ""


__all__ = [
    "CONTENT_SECURITY_POLICY",
    "HEADERS",
    "NAVIGATION",
    "begun",
    "day",
    "form_of",
    "fragment",
    "moment",
    "money",
    "quantity",
    "render",
    "see",
    "text_of",
]
