"""The API description: as OpenAPI, and as one HTML page made from it without external assets (/docs)."""

import json
from collections.abc import Mapping
from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse

from gateway.event_schemas import SENT, components, portable
from gateway.intake.cloudevents import STRUCTURED_TYPE
from gateway.problems import MEDIA_TYPE

routes = APIRouter()


@routes.get("/docs", include_in_schema=False)
async def read_docs(request: Request) -> HTMLResponse:
    return HTMLResponse(docs_page(request.app.openapi()))


def describe(app: FastAPI) -> dict[str, Any]:
    """The app's OpenAPI description, with problem+json as the only error format."""
    if app.openapi_schema is None:
        app.openapi_schema = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        for path, operations in app.openapi_schema["paths"].items():
            for operation in operations.values():
                if path.startswith("/v1/"):
                    operation["responses"] |= {**_OF_ANY_CALL, **operation["responses"]}
                for answer in operation["responses"].values():
                    if MEDIA_TYPE in answer.get("content", {}):
                        answer["content"].pop("application/json", None)
        described = app.openapi_schema
        described["components"]["schemas"] |= components()
        described["webhooks"] = {str(type): _webhook(str(type)) for type in SENT}
        app.openapi_schema = portable(described)
    return app.openapi_schema


def _webhook(name: str) -> dict[str, Any]:
    """What is posted to a subscriber."""
    return {
        "post": {
            "summary": name,
            "tags": ["Notifications"],
            "requestBody": {
                "required": True,
                "content": {STRUCTURED_TYPE: {"schema": {"$ref": f"#/components/schemas/{name}"}}},
            },
            "responses": {
                "2XX": {"description": "Taken; anything else is sent again"},
                "410": {"description": "Nobody is there any more: the subscription is switched off"},
            },
        }
    }


_PROBLEM = {"content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
_OF_ANY_CALL = {
    "400": {"description": "The address or the body can't be read at all", **_PROBLEM},
    "401": {"description": "Nobody is known to call: no access token, or one that does not hold", **_PROBLEM},
    "403": {"description": "The caller may not do this, or not at this plant", **_PROBLEM},
    "413": {"description": "The body is larger than is taken", **_PROBLEM},
    "429": {"description": "Called too often; Retry-After says when again", **_PROBLEM},
    "503": {"description": "Something that is needed does not answer now", **_PROBLEM},
}

_STYLE = """
body{margin:0;background:#f5f8fa;color:#1c2733;
font:15px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,Arial,sans-serif}
main{max-width:980px;margin:0 auto;padding:32px 24px 80px}
h1{margin:0 0 8px;font-size:26px}h2{margin:36px 0 8px;font-size:18px;color:#3b6ea5}
details{background:#fff;border:1px solid #d5dde5;border-radius:8px;margin:8px 0;padding:0 14px}
summary{cursor:pointer;padding:10px 0;display:flex;gap:12px;align-items:baseline;flex-wrap:wrap}
b.m{font:600 12px/1 ui-monospace,Menlo,monospace;color:#fff;background:#3b6ea5;border-radius:4px;padding:4px 8px;
min-width:38px;text-align:center}b.POST{background:#2e8b57}
code,pre{font:13px/1.5 ui-monospace,Menlo,Consolas,monospace}summary code{font-weight:600}
pre{background:#f5f8fa;border:1px solid #d5dde5;border-radius:6px;padding:10px 12px;overflow-x:auto;margin:6px 0 14px}
table{border-collapse:collapse;margin:6px 0 14px;width:100%}td{border-top:1px solid #e6ecf1;padding:5px 12px 5px 0;
vertical-align:top}td:first-child{white-space:nowrap}.soft,p.soft{color:#5b6b7b}
h3{font-size:13px;margin:12px 0 2px;color:#5b6b7b}
"""


def docs_page(described: Mapping[str, Any]) -> str:
    """The page for an OpenAPI document."""
    by_tag: dict[str, list[str]] = {}
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            tag = operation.get("tags", ["Other"])[0]
            by_tag.setdefault(tag, []).append(_operation(method.upper(), path, operation))
    info = described["info"]
    paragraphs = "".join(f"<p>{escape(part)}</p>" for part in info.get("description", "").split("\n\n"))
    sections = "".join(f"<h2>{escape(tag)}</h2>{''.join(parts)}" for tag, parts in by_tag.items())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])} API</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>{escape(info['title'])} API v{escape(info['version'])}</h1>{paragraphs}"
        f'<p class="soft">For machines: <a href="/openapi.json">/openapi.json</a></p>{sections}</main></body></html>'
    )


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    body = f"<p>{escape(operation['description'])}</p>" if operation.get("description") else ""
    rows = [
        (f"{each['name']} ({each['in']})", each.get("description") or ("required" if each.get("required") else ""))
        for each in operation.get("parameters", [])
    ]
    body += _table("Parameters", rows)
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        for example in content.get("examples", {}).values():
            value = example["value"]
            shown = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
            title = f"{media_type}: {example['summary']}" if "summary" in example else media_type
            body += f"<h3>{escape(title)}</h3><pre>{escape(shown)}</pre>"
    answers = [
        (status, f"{answer.get('description', '')} {', '.join(answer.get('content', {}))}".strip())
        for status, answer in sorted(operation["responses"].items())
    ]
    body += _table("Answers", answers)
    return (
        f'<details><summary><b class="m {method}">{method}</b><code>{escape(path)}</code>'
        f'<span class="soft">{escape(operation.get("summary", ""))}</span></summary>{body}</details>'
    )


def _table(title: str, rows: list[tuple[str, str]]) -> str:
    if not rows:
        return ""
    cells = "".join(f"<tr><td><code>{escape(a)}</code></td><td>{escape(b)}</td></tr>" for a, b in rows)
    return f"<h3>{escape(title)}</h3><table>{cells}</table>"


__all__ = ["describe", "docs_page", "routes"]
