"""
Files: the upload plugin's resource with its local provider, and the files themselves below /uploads.

What a browser would carry out (HTML, SVG, scripts…) is sent as an attachment, everything with
`nosniff` and a sandbox: a file that somebody uploaded must not act in the name of this site. The row
is written last, and a file that no row names is removed.
"""

from __future__ import annotations

import asyncio
import json
import mimetypes
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import imagesize
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

from howdah.content.document_ids import new_document_id
from howdah.content.query.faults import RequestFault, invalid, not_found
from howdah.content.query.request import one_document
from howdah.content.query.schema import FILE
from howdah.content.query.selection import all_fields, plain_selection
from howdah.content.query.statement import Statement, StatementBuilder
from howdah.content.query.tree import ReadQuery
from howdah.content.query.values import now_milliseconds
from howdah.content.words import snake_case
from howdah.service.api.access import AccessFacts, Caller
from howdah.service.api.engine import Engine
from howdah.service.api.entries import id_is
from howdah.service.api.messages import Answer, Request, json_answer
from howdah.service.api.parameters import offset_page, plain_query, row_id
from howdah.service.api.rows import Rows

_ACTION = "plugin::upload.content-api"
#: Bytes of a form beside its files.
_FORM_SLACK = 1024 * 1024
_FILES_MAX = 100
_FIELDS_MAX = 100
_CACHE = "public, max-age=86400"
#: What a browser may show in its window; it carries none of these out.
_SHOWN = re.compile(r"image/(png|jpeg|gif|webp|avif|bmp)|audio/.*|video/.*|text/plain|application/pdf")
_INFO = ("name", "alternativeText", "caption")


class Files:
    """Handlers of /upload."""

    def __init__(self, engine: Engine, directory: Path) -> None:
        self._engine = engine
        self._directory = directory
        self._schema = engine.schemas[FILE]

    async def find(self, request: Request) -> Answer:
        """GET /upload/files."""

        def make(builder: StatementBuilder, facts: AccessFacts, caller: Caller) -> Statement:
            return builder.entries(
                offset_page(request, plain_query(self._engine, self._schema, request, caller, facts))
            )

        body = await self._engine.read(request, f"{_ACTION}.find", make)
        files = json.loads(body or b"[]")
        return json_answer([{**file, "isUrlSigned": False} for file in files])

    async def find_one(self, request: Request) -> Answer:
        """GET /upload/files/:id."""
        row = _file_id(request.places["id"])

        def make(builder: StatementBuilder, facts: AccessFacts, caller: Caller) -> Statement:
            query = plain_query(self._engine, self._schema, request, caller, facts)
            # Of one file everything is shown, whatever fields are asked for.
            selection = replace(query.selection, fields=all_fields(self._schema))
            return builder.entry(one_document(replace(query, selection=selection), id_is(self._schema, row)))

        body = await self._engine.read(request, f"{_ACTION}.findOne", make)
        if body is None:
            raise not_found("file.notFound")
        return json_answer({**json.loads(body), "isUrlSigned": False})

    async def delete(self, request: Request) -> Answer:
        """DELETE /upload/files/:id."""
        row = _file_id(request.places["id"])
        async with self._engine.writing(request) as (connection, _, caller):
            caller.require(f"{_ACTION}.destroy")
            builder = self._engine.builder_for(connection)
            document = await self._engine.fetch(connection, builder.entry(self._one(row)))
            if document is None:
                raise not_found("file.notFound")
            await Rows(connection, self._engine.schemas, builder.dialect).delete(self._schema, row)
        self._remove(json.loads(document))
        return Answer(body=document)

    async def upload(self, request: Request) -> Answer:
        """POST /upload: new files, or with `id` new facts of one that is there."""
        # Before the body is taken, and again with the rows that are written.
        async with self._engine.writing(request) as (_, _, caller):
            caller.require(f"{_ACTION}.upload")
        limited = _Limited(request.receive, self._engine.settings.upload_size_limit + _FORM_SLACK)
        form_request = StarletteRequest(request.scope, limited.receive)
        try:
            async with form_request.form(max_files=_FILES_MAX, max_fields=_FIELDS_MAX) as form:
                return await self._take(request, form)
        except (MultiPartException, HTTPException) as error:
            raise invalid(str(getattr(error, "message", "") or getattr(error, "detail", error))) from None

    async def _take(self, request: Request, form: FormData) -> Answer:
        files = [item for item in form.getlist("files") if isinstance(item, UploadFile)]
        infos = [_info(item) for item in form.getlist("fileInfo")]
        row = request.parameters.get("id")
        if row is not None:
            return await self._change(request, _file_id(str(row)), infos[0] if infos else {})
        if not files or all(not item.size and not item.filename for item in files):
            raise invalid("Files are empty")
        for item in files:
            if (item.size or 0) > self._engine.settings.upload_size_limit:
                name = item.filename or "file"
                raise RequestFault(413, "PayloadTooLargeError", f"{name} exceeds size limit")
        stored = [
            await asyncio.to_thread(self._store, item.file, item.filename or "file", item.content_type)
            for item in files
        ]
        try:
            ids = await self._record(request, stored, infos, form)
        except BaseException:
            for kept in stored:
                kept.path.unlink(missing_ok=True)
            raise
        return Answer(status=201, body=b"[" + b",".join([await self._document(one) for one in ids]) + b"]")

    async def _record(
        self,
        request: Request,
        stored: Sequence[_Stored],
        infos: Sequence[Mapping[str, Any]],
        form: FormData,
    ) -> list[int]:
        ids = []
        async with self._engine.writing(request) as (connection, _, caller):
            caller.require(f"{_ACTION}.upload")
            builder = self._engine.builder_for(connection)
            rows = Rows(connection, self._engine.schemas, builder.dialect)
            now = now_milliseconds()
            moments = dict.fromkeys(("createdAt", "updatedAt", "publishedAt"), now)
            for position, file in enumerate(stored):
                info = infos[position] if position < len(infos) else {}
                scalars = {**file.facts, **_given(info), "documentId": new_document_id(), **moments}
                ids.append(await rows.insert(self._schema, scalars))
            await self._attach(rows, ids, form)
        return ids

    async def _attach(self, rows: Rows, ids: Sequence[int], form: FormData) -> None:
        """Append files to the field of an entry that the form names."""
        ref, ref_id, field = (str(form.get(name) or "") for name in ("ref", "refId", "field"))
        if not (ref and ref_id and field):
            return
        target = self._engine.schemas.get(ref)
        item = target.fields.get(field) if target is not None else None
        if target is None or item is None or item.kind != "media":
            raise invalid(f"There is no field for files named {field} in {ref}")
        column = "id" if ref_id.isascii() and ref_id.isdigit() else "document_id"
        found = await rows.all(
            f"SELECT id FROM {rows.table(target.table)} WHERE {column}::text = %s ORDER BY id", (ref_id,)
        )
        if not found:
            raise invalid(f"There is no entry {ref_id} of {ref}")
        for (owner,) in found:
            before = await rows.files_of(target, owner, item) if item.to_many else []
            await rows.put_files(target, owner, item, [*before, *(ids if item.to_many else ids[:1])])

    async def _change(self, request: Request, row: int, info: Mapping[str, Any]) -> Answer:
        async with self._engine.writing(request) as (connection, _, caller):
            caller.require(f"{_ACTION}.upload")
            builder = self._engine.builder_for(connection)
            if await self._engine.fetch(connection, builder.entry(self._one(row))) is None:
                raise not_found("file.notFound")
            rows = Rows(connection, self._engine.schemas, builder.dialect)
            await rows.update(self._schema, row, {**_given(info), "updatedAt": now_milliseconds()})
        return Answer(body=await self._document(row))

    async def _document(self, row: int) -> bytes:
        async with self._engine.pool.connection() as connection:
            builder = self._engine.builder_for(connection)
            return await self._engine.fetch(connection, builder.entry(self._one(row))) or b"null"

    def _one(self, row: int) -> ReadQuery:
        return one_document(ReadQuery(selection=plain_selection(self._schema)), id_is(self._schema, row))

    def _store(self, source: BinaryIO, filename: str, content_type: str | None) -> _Stored:
        """Write a file under a name of its own, completely or not at all."""
        self._directory.mkdir(parents=True, exist_ok=True)
        name = Path(filename.replace("\\", "/")).name.replace("\0", "")[:200] or "file"
        extension = _extension(name)
        stem = snake_case(Path(name).stem)[:100] or "file"
        unique = f"{stem}_{secrets.token_hex(5)}"
        path = self._directory / f"{unique}{extension}"
        handle, temporary = tempfile.mkstemp(dir=self._directory, prefix=".upload-")
        try:
            with os.fdopen(handle, "wb") as target:
                source.seek(0)
                shutil.copyfileobj(source, target)
                target.flush()
                os.fsync(target.fileno())
                size = target.tell()
            Path(temporary).chmod(0o644)
            Path(temporary).rename(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        width, height = _dimensions(path)
        return _Stored(
            path=path,
            facts={
                "name": name,
                "hash": unique,
                "ext": extension or None,
                "mime": _mime(name, content_type),
                "size": round(size / 1000, 2),
                "url": f"/uploads/{path.name}",
                "provider": "local",
                "folderPath": "/",
                "width": width,
                "height": height,
            },
        )

    def _remove(self, document: Mapping[str, Any]) -> None:
        """Remove what a row stood for, its smaller versions too."""
        formats = document.get("formats")
        versions = formats.values() if isinstance(formats, Mapping) else ()
        for url in (
            document.get("url"),
            *(item.get("url") for item in versions if isinstance(item, Mapping)),
        ):
            if isinstance(url, str) and url.startswith("/uploads/"):
                name = url.removeprefix("/uploads/")
                if name and "/" not in name and name not in (".", ".."):
                    (self._directory / name).unlink(missing_ok=True)


@dataclass(frozen=True)
class _Stored:
    path: Path
    facts: Mapping[str, Any]


class _Limited:
    """A body that may not be longer than so many bytes."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._left = limit

    async def receive(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise RequestFault(413, "PayloadTooLargeError", "request entity too large")
        return message


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


def _file_id(text: str) -> int:
    try:
        return row_id(text)
    except RequestFault:
        raise not_found("file.notFound") from None


def _extension(name: str) -> str:
    suffix = Path(name).suffix.lower()
    return suffix if re.fullmatch(r"\.[a-z0-9]{1,16}", suffix) else ""


def _mime(name: str, content_type: str | None) -> str:
    by_name = mimetypes.guess_type(name)[0]
    given = (content_type or "").partition(";")[0].strip().lower()
    if re.fullmatch(r"[a-z0-9.+-]{1,100}/[a-z0-9.+-]{1,100}", given) and given != "application/octet-stream":
        return given
    return by_name or "application/octet-stream"


def _dimensions(path: Path) -> tuple[int | None, int | None]:
    if not (mimetypes.guess_type(path.name)[0] or "").startswith("image/"):
        return None, None
    try:
        width, height = imagesize.get(path)
    except (ValueError, OSError):
        # It calls itself an image and is none.
        return None, None
    return (width, height) if width > 0 and height > 0 else (None, None)


def _info(value: Any) -> Mapping[str, Any]:
    try:
        info = json.loads(value) if isinstance(value, str) and value else {}
    except ValueError:
        raise invalid("Invalid fileInfo: expected JSON") from None
    if not isinstance(info, dict):
        raise invalid("Invalid fileInfo: expected an object")
    return info


def _given(info: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in _INFO:
        value = info.get(name)
        if isinstance(value, str) and value and "\0" not in value:
            found[name] = value[:255] if name == "name" else value
    return found
