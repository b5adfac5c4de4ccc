"""Recognise the applications that wrote a database, by its tables and columns. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from howdah.model.app_pack import AppPack, Signature
from howdah.model.source import SourceCatalog, fold_name


def recognise(catalog: SourceCatalog, packs: Iterable[AppPack]) -> tuple[AppPack, ...]:
    """Return the packs whose application is there; a project may be of several (Django with Wagtail)."""
    tables = [fold_name(table.name) for table in catalog.tables if table.kind == "table"]
    columns = [
        fold_name(f"{table.name}.{column.name}")
        for table in catalog.tables
        if table.kind == "table"
        for column in table.columns
    ]
    return tuple(
        pack for pack in packs if any(_shows(signature, tables, columns) for signature in pack.signatures)
    )


def _shows(signature: Signature, tables: list[str], columns: list[str]) -> bool:
    return (
        all(_is_there(pattern, tables) for pattern in signature.tables)
        and all(_is_there(pattern, columns) for pattern in signature.columns)
        and not any(_is_there(pattern, tables) for pattern in signature.without_tables)
    )


def _is_there(pattern: str, names: list[str]) -> bool:
    return any(fnmatchcase(name, fold_name(pattern)) for name in names)
