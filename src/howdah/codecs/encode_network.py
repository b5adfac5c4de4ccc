"""
Encode addresses of networks and of hardware, as people write them.

Formats: inet_send gives family (2 or 3), bits, whether it is a cidr, length, address;
macaddr_send and macaddr8_send the 6 or 8 bytes.
"""

from __future__ import annotations

import ipaddress
import re

from howdah.codecs.base import Params
from howdah.codecs.encode_each import Convert, Notes, Stored, Unfit, encode_each
from howdah.codecs.pgtypes import PgType, parse_type
from howdah.codecs.values import Encoded, SourceColumn

_FAMILIES = {4: 2, 6: 3}
_HARDWARE = re.compile(
    r"[0-9a-f]{2}(?P<by>[:-])(?:[0-9a-f]{2}(?P=by))*[0-9a-f]{2}|(?:[0-9a-f]{4}\.)+[0-9a-f]{4}|[0-9a-f]+",
    re.IGNORECASE,
)


def any_network(params: Params, pg_type: PgType) -> Convert:
    """Return the converter of one value → inet, cidr."""
    is_cidr = pg_type.base == "cidr"

    def convert(value: Stored, notes: Notes) -> bytes:
        # A zone ("fe80::1%eth0") has no place in inet.
        if not isinstance(value, str) or "%" in value:
            raise Unfit("not-an-address")
        try:
            interface = ipaddress.ip_interface(value)
        except ValueError:
            raise Unfit("not-an-address") from None
        bits = interface.network.prefixlen
        if is_cidr and interface.ip != interface.network.network_address:
            raise Unfit("not-a-network")
        head = bytes((_FAMILIES[interface.version], bits, is_cidr, len(interface.packed)))
        return head + interface.packed

    return convert


def any_hardware_address(params: Params, pg_type: PgType) -> Convert:
    """Return the converter of one value → macaddr, macaddr8."""
    width = 8 if pg_type.base == "macaddr8" else 6

    def convert(value: Stored, notes: Notes) -> bytes:
        if isinstance(value, bytes):
            field = value
        elif isinstance(value, str) and _HARDWARE.fullmatch(value):
            digits = value.translate({ord(mark): None for mark in ":-."})
            field = bytes.fromhex(digits) if len(digits) % 2 == 0 else b""
        else:
            raise Unfit("not-an-address")
        if len(field) != width:
            raise Unfit("not-an-address")
        return field

    return convert


def encode_network(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """TEXT → inet, cidr."""
    return encode_each(column, any_network(params, parse_type(pg_type)))


def encode_hardware_address(column: SourceColumn, params: Params, pg_type: str) -> Encoded:
    """TEXT or BLOB → macaddr, macaddr8."""
    return encode_each(column, any_hardware_address(params, parse_type(pg_type)))
