"""
Write docs/reference/settings.md from the tables of settings.

    python -m howdah.service.settings_reference > docs/reference/settings.md
"""

from __future__ import annotations

from collections.abc import Iterable

from howdah.service.admin_settings import ADMIN_VARIABLES
from howdah.service.api.settings import API_VARIABLES
from howdah.service.backup_settings import BACKUP_VARIABLES
from howdah.service.database_variables import DATABASE_VARIABLES
from howdah.service.log_settings import LOG_VARIABLES
from howdah.service.setting import Kind, Setting

_HEAD = """\
# Settings of the service

<!-- Written by `python -m howdah.service.settings_reference`; do not edit. -->

The service and `howdah health` read these variables of the environment. Every variable also has a twin
with `_FILE` behind its name, which names a file that holds the value: the place for secrets. One that
is empty counts as not set. A bare number for a time is in milliseconds, as in Strapi; `30s`, `5min` and
`1h` may be written too.

All of them are checked before anything is opened, and every problem is reported at once.
`DATABASE_CLIENT=sqlite`, or a `DATABASE_URL` that names a file, is refused with the command that
migrates it.

The server is, in this order: the TARGET of the command line, `DATABASE_URL`, the parts (`DATABASE_HOST`
and its companions), libpq's own `PG*` variables.
"""

_TLS = """\
Settings of Strapi's driver are translated into libpq's and never into weaker ones. A URL's `sslmode` of
`prefer`, `require` or `verify-ca` means verify-full to that driver, so it does here;
`uselibpqcompat=true` in the URL, or `DATABASE_SSLMODE`, takes it literally. `sslmode=no-verify` becomes
`require`. What was taken otherwise than written is said when the service starts.

"""

_POOL = """\
The pool is psycopg_pool's; Strapi's is knex with tarn. Two differences show: connections up to the
minimum are opened at the start, not at first need, and idle ones are closed one at a time. See [Health
and pool](../how-to/health-and-pool.md) for choosing sizes.

"""

_INTRODUCTIONS = {"TLS": _TLS, "Pool": _POOL}


def render_settings_reference() -> str:
    """Return the page."""
    parts = [_HEAD]
    groups = {
        **DATABASE_VARIABLES,
        "Content API": API_VARIABLES,
        "Admin port": ADMIN_VARIABLES,
        "Log": LOG_VARIABLES,
        "Backups": BACKUP_VARIABLES,
    }
    for heading, settings in groups.items():
        parts.append(f"## {heading}\n\n{_INTRODUCTIONS.get(heading, '')}{_table(settings)}")
    return "\n".join(parts)


def _table(settings: Iterable[Setting]) -> str:
    lines = ["| variable | value | default | becomes | meaning |", "|---|---|---|---|---|"]
    for setting in settings:
        cells = (
            "<br>".join(f"`{name}`" for name in (setting.name, *setting.aliases)),
            _value(setting),
            f"`{setting.default}`" if setting.default else "",
            _becomes(setting),
            setting.meaning + (f" No effect: {setting.no_effect}." if setting.no_effect else ""),
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _value(setting: Setting) -> str:
    if setting.choices:
        return ", ".join(f"`{choice}`" for choice in setting.choices)
    bounds = ""
    if setting.kind in (Kind.NUMBER, Kind.DURATION):
        bounds = f", from {setting.minimum:.0f}" if setting.minimum else ""
        bounds += f", to {setting.maximum:.0f}" if setting.maximum is not None else ""
    return setting.kind.value + bounds


def _becomes(setting: Setting) -> str:
    becomes = f"`{setting.becomes}`" if setting.becomes else ""
    return f"{becomes} (knex: `{setting.knex}`)".strip() if setting.knex else becomes


if __name__ == "__main__":
    print(render_settings_reference(), end="")
