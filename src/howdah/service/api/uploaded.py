"""
The uploaded files themselves, below /uploads.

What a browser would carry out (HTML, SVG, scripts…) is sent as an attachment, everything with
`nosniff` and a sandbox: a file that somebody uploaded must not act in the name of this site.
"""

from __future__ import annotations

import mimetypes
import re
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from howdah.content.query.faults import not_found

_CACHE = "public, max-age=86400"
#: What a browser may show in its window; it carries none of these out.
_SHOWN = re.compile(r"image/(png|jpeg|gif|webp|avif|bmp)|audio/.*|video/.*|text/plain|application/pdf")


class UploadedFiles:
    """ASGI application that serves the files themselves."""

    def __init__(self, directory: Path) -> None:
        self._files = _Harmless(directory=directory, check_dir=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request below /uploads."""
        try:
            await self._files({**scope, "root_path": "/uploads"}, receive, send)
        except HTTPException as error:
            absent = error.status_code == 404
            plain = PlainTextResponse(error.detail, error.status_code)
            await (_NoFile() if absent else plain)(scope, receive, send)
        except (ValueError, RuntimeError):
            # A name that no file can have; a directory that is not there.
            await _NoFile()(scope, receive, send)


class _NoFile(JSONResponse):
    """What Strapi answers where no file is."""

    def __init__(self) -> None:
        super().__init__(not_found().document(), 404)


class _Harmless(StaticFiles):
    def file_response(self, full_path: Any, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(full_path, *args, **kwargs)
        kind = mimetypes.guess_type(str(full_path))[0] or "application/octet-stream"
        response.headers["cache-control"] = _CACHE
        response.headers["x-content-type-options"] = "nosniff"
        response.headers["content-security-policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
        if not _SHOWN.fullmatch(kind):
            response.headers["content-disposition"] = "attachment"
        return response
