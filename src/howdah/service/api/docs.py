"""The OpenAPI document at /openapi.json, and a page made of it at /docs that needs nothing from elsewhere."""

from __future__ import annotations

import html
import json
from typing import Any

from starlette.types import Receive, Scope, Send

from howdah.content.query.openapi import build_openapi
from howdah.content.query.schema import Schemas

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
body{color:#1c2733;background:#fff}
h1{font-size:1.6rem}h2{margin-top:2rem;border-bottom:1px solid #ccd5de;font-size:1.2rem}
details{border:1px solid #ccd5de;border-radius:6px;margin:.5rem 0;padding:.4rem .8rem}
summary{cursor:pointer}code{font-family:ui-monospace,monospace;overflow-wrap:anywhere}
.m{display:inline-block;min-width:4.5rem;font-weight:700}
pre{overflow:auto;background:#f3f6f9;padding:.6rem;border-radius:6px;font-size:.85rem}
@media(prefers-color-scheme:dark){body{color:#dde6ee;background:#141a20}pre{background:#1f2830}
details,h2{border-color:#3a4651}a{color:#8ec5ff}}
"""


class ApiDocs:
    """ASGI application for both."""

    def __init__(self, schemas: Schemas, *, version: str) -> None:
        document = build_openapi(schemas, title="Content API", version=version)
        self._document = json.dumps(document, ensure_ascii=False).encode()
        self._page = _render(document).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer GET and HEAD."""
        is_page = scope["path"].strip("/") == "docs"
        kind = b"text/html; charset=utf-8" if is_page else b"application/json; charset=utf-8"
        body = self._page if is_page else self._document
        status = 200
        if scope["path"].strip("/") not in ("docs", "openapi.json"):
            status, body, kind = 404, b"Not Found", b"text/plain; charset=utf-8"
        elif scope["method"] not in ("GET", "HEAD"):
            status, body, kind = 405, b"Method Not Allowed", b"text/plain; charset=utf-8"
        headers = [
            (b"content-type", kind),
            (b"content-length", str(len(body)).encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'"),
        ]
        if status == 405:
            headers.append((b"allow", b"HEAD, GET"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _render(document: dict[str, Any]) -> str:
    groups: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method != "parameters":
                groups.setdefault(operation["tags"][0], []).append(_operation(path, method, operation))
    sections = "".join(
        f"<h2>{html.escape(tag)}</h2>{''.join(items)}" for tag, items in sorted(groups.items())
    )
    schemas = "".join(
        f'<details id="{html.escape(name)}"><summary><code>{html.escape(name)}</code></summary>'
        f"<pre>{html.escape(json.dumps(schema, indent=1, ensure_ascii=False))}</pre></details>"
        for name, schema in sorted(document["components"]["schemas"].items())
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Content API</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><h1>Content API</h1>"
        "<p>Paths begin with <code>/api</code>."
        ' The same for programs: <a href="/openapi.json">openapi.json</a>.</p>'
        f"{sections}<h2>Schemas</h2>{schemas}</body></html>"
    )


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    parameters = "".join(
        f"<li><code>{html.escape(item['name'])}</code> {html.escape(item.get('description', ''))}</li>"
        for item in operation.get("parameters", [])
    )
    body = operation.get("requestBody", {}).get("content", {})
    shown = f"<pre>{html.escape(json.dumps(body, indent=1, ensure_ascii=False))}</pre>" if body else ""
    return (
        f'<details><summary><span class="m">{method.upper()}</span> <code>/api{html.escape(path)}</code>'
        f" — {html.escape(operation['summary'])}</summary><ul>{parameters}</ul>{shown}</details>"
    )
