"""The admin port's settings: where it listens, and who may ask from elsewhere."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

from howdah.errors import UsageError
from howdah.service.setting import Kind, Setting
from howdah.service.setting_reader import SettingReader

ADMIN_VARIABLES = (
    Setting(
        name="HOWDAH_ADMIN_HOST",
        kind=Kind.TEXT,
        default="127.0.0.1",
        meaning="Address that the admin port listens on. One beyond this machine needs HOWDAH_ADMIN_TOKEN.",
    ),
    Setting(
        name="HOWDAH_ADMIN_PORT",
        kind=Kind.NUMBER,
        default="9464",
        meaning="The admin port: health, metrics.",
        maximum=65535,
    ),
    Setting(
        name="HOWDAH_ADMIN_TOKEN",
        kind=Kind.SECRET,
        meaning="Who asks from another machine sends it as `Authorization: Bearer …`; 16 characters or more.",
    ),
)

_TOKEN_LENGTH_MIN = 16


@dataclass(frozen=True, kw_only=True)
class AdminSettings:
    """Where the admin port listens."""

    host: str = "127.0.0.1"
    #: 0: any that is free.
    port: int = 9464
    #: "" answers this machine alone.
    token: str = field(default="", repr=False)


def read_admin_settings(
    environ: Mapping[str, str], *, host: str | None = None, port: int | None = None
) -> AdminSettings:
    """
    Read the HOWDAH_ADMIN_* variables; arguments come before them.

    Raises UsageError U-320 for values that cannot be used, U-323 for an address beyond this machine
    without a token.
    """
    reader = SettingReader(environ, ADMIN_VARIABLES)
    settings = AdminSettings(
        host=host or reader.text("HOWDAH_ADMIN_HOST") or "127.0.0.1",
        port=port if port is not None else reader.number("HOWDAH_ADMIN_PORT"),
        token=reader.text("HOWDAH_ADMIN_TOKEN"),
    )
    if settings.token and len(settings.token) < _TOKEN_LENGTH_MIN:
        reader.problems.append(f"HOWDAH_ADMIN_TOKEN is shorter than {_TOKEN_LENGTH_MIN} characters.")
    reader.raise_problems()
    if not settings.token and not is_loopback(settings.host):
        raise UsageError(
            "U-323",
            "The admin port would listen beyond this machine without a token.",
            hint="Set HOWDAH_ADMIN_TOKEN (or HOWDAH_ADMIN_TOKEN_FILE), or listen on 127.0.0.1.",
        )
    return settings


def is_loopback(host: str) -> bool:
    """Tell whether an address, or a name, is that of this machine alone."""
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
