"""
Files: the upload plugin's resource with its local provider.

A file is made ready in a directory of its own, with whatever belongs to it; the row is written last, and a
file that no row names is removed.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import tempfile
import unicodedata
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request as StarletteRequest
from starlette.types import Message, Receive

from howdah.content.document_ids import new_document_id
from howdah.content.entry.scalars import Json
from howdah.content.query.faults import RequestFault, invalid, not_found
from howdah.content.query.request import one_document
from howdah.content.query.schema import FILE
from howdah.content.query.selection import all_fields, plain_selection
from howdah.content.query.statement import Statement, StatementBuilder
from howdah.content.query.tree import ReadQuery
from howdah.content.query.values import now_milliseconds
from howdah.names import quote
from howdah.service.api.access import AccessFacts, Caller
from howdah.service.api.engine import Engine
from howdah.service.api.entries import id_is
from howdah.service.api.images import Images, NamedFile
from howdah.service.api.messages import Answer, Request, json_answer
from howdah.service.api.parameters import offset_page, plain_query, row_id
from howdah.service.api.plugin_settings import read_plugin_settings
from howdah.service.api.rows import Rows
from howdah.service.api.upload_facts import (
    HEAD,
    check_file_name,
    file_extension,
    file_kind,
    file_stem,
    kilobytes,
    kind_of_bytes,
)
from howdah.service.api.upload_folder import api_folder, put_into_folder
from howdah.service.api.upload_info import read_file_info

_ACTION = "plugin::upload.content-api"
#: Bytes of a form beside its files.
_FORM_SLACK = 1024 * 1024
_FILES_MAX = 100
_FIELDS_MAX = 100
#: What was sent, until it is known what becomes of it.
_SOURCE = ".source"


class Files:
    """Handlers of /upload."""

    def __init__(self, engine: Engine, directory: Path) -> None:
        self._engine = engine
        self._directory = directory
        self._images = Images()
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
        return json_answer(_shown(body))

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
        return json_answer(_shown(document))

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
        infos = [read_file_info(item) for item in form.getlist("fileInfo")]
        row = request.parameters.get("id")
        if not files or (len(files) == 1 and not files[0].size):
            if row is None:
                raise invalid("Files are empty")
            return await self._change(request, _file_id(str(row)), infos[0] if infos else {})
        for item in files:
            if (item.size or 0) > self._engine.settings.upload_size_limit:
                name = item.filename or "file"
                raise RequestFault(413, "PayloadTooLargeError", f"{name} exceeds size limit")
        async with self._engine.pool.connection() as connection:
            settings = await read_plugin_settings(self._engine, connection, "upload_settings")
        if row is not None:
            if len(files) > 1:
                raise invalid("Cannot replace a file with multiple ones")
            return await self._replace(
                request, _file_id(str(row)), files[0], infos[0] if infos else {}, settings
            )
        prepared: list[_Prepared] = []
        published: list[Path] = []
        try:
            for position, item in enumerate(files):
                info = infos[position] if position < len(infos) else {}
                prepared.append(await self._prepare(item, info, settings))
            for one in prepared:
                published += self._publish(one)
            ids = await self._record(request, prepared, infos, form)
        except BaseException:
            for path in published:
                path.unlink(missing_ok=True)
            for one in prepared:
                shutil.rmtree(one.staging, ignore_errors=True)
            raise
        return json_answer([_shown(await self._document(one)) for one in ids], status=201)

    async def _record(
        self,
        request: Request,
        prepared: Sequence[_Prepared],
        infos: Sequence[Mapping[str, Any]],
        form: FormData,
    ) -> list[int]:
        ids = []
        async with self._engine.writing(request) as (connection, _, caller):
            caller.require(f"{_ACTION}.upload")
            builder = self._engine.builder_for(connection)
            rows = Rows(connection, self._engine.schemas, builder.dialect)
            folder, folder_path = await api_folder(self._engine, connection, rows)
            now = now_milliseconds()
            moments = dict.fromkeys(("createdAt", "updatedAt", "publishedAt"), now)
            for position, file in enumerate(prepared):
                info = infos[position] if position < len(infos) else {}
                scalars = {**file.facts, **info, "documentId": new_document_id(), **moments}
                ids.append(await rows.insert(self._schema, {**scalars, "folderPath": folder_path}))
                await put_into_folder(self._engine, rows, ids[-1], folder)
            await self._attach(rows, ids, form)
        return ids

    async def _replace(
        self,
        request: Request,
        row: int,
        item: UploadFile,
        info: Mapping[str, Any],
        settings: Mapping[str, Any],
    ) -> Answer:
        """Put another file under the address of one that is there."""
        document = json.loads(await self._document(row))
        if document is None:
            raise not_found("Entity not found")
        old = _Old(hash=document["hash"], extension=document["ext"] or "", document=document)
        prepared = await self._prepare(item, info, settings, old)
        try:
            async with self._engine.writing(request) as (connection, _, caller):
                caller.require(f"{_ACTION}.upload")
                builder = self._engine.builder_for(connection)
                rows = Rows(connection, self._engine.schemas, builder.dialect)
                scalars = {**prepared.facts, **info, "updatedAt": now_milliseconds()}
                await rows.update(self._schema, row, scalars)
                kept = {path.name for path in self._publish(prepared)}
        except BaseException:
            shutil.rmtree(prepared.staging, ignore_errors=True)
            raise
        self._remove(document, besides=kept)
        return json_answer(_shown(await self._document(row)))

    async def _attach(self, rows: Rows, ids: Sequence[int], form: FormData) -> None:
        """Append files to the field of an entry that the form names."""
        ref, ref_id, field = (str(form.get(name) or "") for name in ("ref", "refId", "field"))
        if not (ref and ref_id and field):
            return
        target = self._engine.schemas.get(ref)
        item = target.fields.get(field) if target is not None else None
        if target is None or item is None or item.kind != "media":
            raise invalid(f"There is no field for files named {field} in {ref}")
        # A component has no documentId.
        by = target.id_field if target.is_component or ref_id.isdigit() else target.fields["documentId"]
        found = await rows.all(
            f"SELECT id FROM {rows.table(target.table)} WHERE {quote(by.column)}::text = %s ORDER BY id",
            (ref_id,),
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
                raise not_found("Entity not found")
            rows = Rows(connection, self._engine.schemas, builder.dialect)
            await rows.update(self._schema, row, {**info, "updatedAt": now_milliseconds()})
        return json_answer(_shown(await self._document(row)))

    async def _document(self, row: int) -> bytes:
        async with self._engine.pool.connection() as connection:
            builder = self._engine.builder_for(connection)
            return await self._engine.fetch(connection, builder.entry(self._one(row))) or b"null"

    def _one(self, row: int) -> ReadQuery:
        return one_document(ReadQuery(selection=plain_selection(self._schema)), id_is(self._schema, row))

    async def _prepare(
        self, item: UploadFile, info: Mapping[str, Any], settings: Mapping[str, Any], old: _Old | None = None
    ) -> _Prepared:
        """Make a file ready beside those that are served. Raises RequestFault for what is no file."""
        sent = check_file_name(item.filename or "unamed")
        await item.seek(0)
        head = await item.read(HEAD)
        kind = file_kind(sent, item.content_type, head)
        extension = file_extension(sent, kind)
        name = unicodedata.normalize("NFC", str(info.get("name") or sent))
        hashed = f"{file_stem(name, extension)}_{secrets.token_hex(5)}"
        if old is not None:
            # Its address stays, whatever is there now.
            hashed, extension = old.hash, old.extension
        staging = await asyncio.to_thread(self._receive, item.file)
        try:
            path = staging / _SOURCE
            named = NamedFile(
                name=name, hash=hashed, extension=extension, kind=kind, looks=kind_of_bytes(head) or kind
            )
            image = await self._images.examine(path, named, settings)
            optimized = staging / f"{hashed}{extension}"
            if not optimized.exists():
                path.rename(optimized)
            path.unlink(missing_ok=True)
            size = optimized.stat().st_size
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise
        facts: dict[str, Any] = {
            "name": name[:255],
            "hash": hashed,
            "ext": extension or None,
            "mime": kind,
            "size": kilobytes(size),
            "url": f"/uploads/{hashed}{extension}",
            "provider": "local",
            "width": image.width,
            "height": image.height,
            "formats": None if image.formats is None else Json(text=json.dumps(image.formats)),
        }
        if old is not None:
            # As in Strapi: what is no image leaves the size of what was there.
            facts["formats"] = facts["formats"] or Json(text="{}")
            if image.width is None:
                del facts["width"], facts["height"]
        return _Prepared(staging=staging, facts=facts)

    def _receive(self, source: BinaryIO) -> Path:
        """Copy what was sent to the disk, into a directory of its own, and return that."""
        self._directory.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=self._directory, prefix=".upload-"))
        try:
            with (staging / _SOURCE).open("wb") as target:
                source.seek(0)
                shutil.copyfileobj(source, target)
                target.flush()
                os.fsync(target.fileno())
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise
        return staging

    def _publish(self, prepared: _Prepared) -> list[Path]:
        """Move a file and its smaller versions to where they are served; return where they are."""
        moved = []
        for path in sorted(prepared.staging.iterdir()):
            path.chmod(0o644)
            moved.append(path.replace(self._directory / path.name))
        prepared.staging.rmdir()
        return moved

    def _remove(self, document: Mapping[str, Any], *, besides: Set[str] = frozenset()) -> None:
        """Remove what a row stood for, its smaller versions too, but not files of these names."""
        formats = document.get("formats")
        versions = formats.values() if isinstance(formats, Mapping) else ()
        for url in (
            document.get("url"),
            *(item.get("url") for item in versions if isinstance(item, Mapping)),
        ):
            if isinstance(url, str) and url.startswith("/uploads/"):
                name = url.removeprefix("/uploads/")
                if name and "/" not in name and name not in (".", "..", *besides):
                    (self._directory / name).unlink(missing_ok=True)


@dataclass(frozen=True)
class _Prepared:
    #: Holds the file and its smaller versions, under the names that they will have.
    staging: Path
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class _Old:
    """A file that is there, by the names that its address is made of."""

    hash: str
    extension: str
    document: Mapping[str, Any]


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


def _file_id(text: str) -> int:
    try:
        return row_id(text)
    except RequestFault:
        raise not_found("file.notFound") from None


def _shown(document: bytes) -> dict[str, Any]:
    """Return a file as answers have it: the local provider signs no addresses."""
    return {**json.loads(document), "isUrlSigned": False}
