"""Spell addresses as PostgreSQL prints them, by the C library's own functions; for the proof."""

from __future__ import annotations

import socket

from howdah.codecs.base import Params
from howdah.codecs.decode_each import Spell, Stored, project_each
from howdah.codecs.values import SourceColumn


def spell_network(params: Params, *, is_cidr: bool) -> Spell:
    """Return the speller for inet, cidr."""

    def spell(value: Stored) -> str | None:
        if not isinstance(value, str):
            return None
        address, slash, mask = value.partition("/")
        family, most = (socket.AF_INET6, 128) if ":" in address else (socket.AF_INET, 32)
        bits = _bits(mask) if slash else most
        try:
            shown = socket.inet_ntop(family, socket.inet_pton(family, address))
        except OSError:
            return None
        return shown if bits == most and not is_cidr else f"{shown}/{bits}"

    return spell


def _bits(mask: str) -> int:
    if "." not in mask:
        return int(mask)
    number = int.from_bytes(socket.inet_aton(mask), "big")
    # Written the other way round, as routers have it, the mask begins with zeros: 0.0.0.255 for /24.
    return number.bit_count() if number == 0 or number >> 31 else 32 - number.bit_count()


def spell_hardware_address(params: Params) -> Spell:
    """Return the speller for macaddr, macaddr8."""

    def spell(value: Stored) -> str | None:
        if isinstance(value, bytes):
            return value.hex(":")
        if not isinstance(value, str):
            return None
        digits = "".join(character for character in value.lower() if character.isalnum())
        return ":".join(digits[start : start + 2] for start in range(0, len(digits), 2))

    return spell


def project_network(column: SourceColumn, params: Params, *, is_cidr: bool) -> SourceColumn:
    """Spell every value as PostgreSQL prints the address."""
    return project_each(column, spell_network(params, is_cidr=is_cidr))


def project_hardware_address(column: SourceColumn, params: Params) -> SourceColumn:
    """Spell every value as PostgreSQL prints the hardware address."""
    return project_each(column, spell_hardware_address(params))
