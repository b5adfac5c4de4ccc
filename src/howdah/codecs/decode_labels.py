"""Spell labels, bits and uuids as PostgreSQL prints them, for the proof."""

from __future__ import annotations

import uuid

from howdah.codecs.base import Params
from howdah.codecs.decode_each import Spell, Stored, project_each
from howdah.codecs.values import SourceColumn


def spell_plain(params: Params) -> Spell:
    """Return the speller of what PostgreSQL prints as it was written: labels, bits."""

    def spell(value: Stored) -> str | None:
        return None if isinstance(value, bytes) else f"{value}"

    return spell


def spell_uuid(params: Params) -> Spell:
    """Return the speller for uuid."""

    def spell(value: Stored) -> str | None:
        if isinstance(value, bytes):
            if params.get("order") == "little-endian":
                return str(uuid.UUID(bytes_le=value))
            return str(uuid.UUID(bytes=value))
        return str(uuid.UUID(value.lower())) if isinstance(value, str) else None

    return spell


def project_plain(column: SourceColumn, params: Params) -> SourceColumn:
    """Spell numbers as text."""
    return project_each(column, spell_plain(params))


def project_uuid(column: SourceColumn, params: Params) -> SourceColumn:
    """Spell every value as PostgreSQL prints the uuid."""
    return project_each(column, spell_uuid(params))
