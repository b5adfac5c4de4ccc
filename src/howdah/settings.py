"""
Where the target and the state directory come from, and what of the environment may be shown.

Options of the commands are the command line's and `options_file`'s. Importing this
module loads the standard library only, so that the command line starts quickly; what
reads connection strings is imported when one is read.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from howdah.errors import UsageError

if TYPE_CHECKING:
    from howdah.postgres.conninfo import Target

_POSTGRES_CLIENTS = frozenset({"postgres", "postgresql", "pg"})
_TRUE, _FALSE = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off", ""})

#: Variables of libpq that name a server or a database; user and password alone do not.
_PG_NAMES_A_SERVER = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGSERVICE")

#: Variables whose value may be shown; of any other that we read, only that it is set.
_SHOWN = frozenset(
    {
        "HOWDAH_HOME",
        "HOWDAH_PG_BINDIR",
        "DATABASE_CLIENT",
        "DATABASE_HOST",
        "DATABASE_PORT",
        "DATABASE_NAME",
        "DATABASE_USERNAME",
        "DATABASE_PASSWORD_FILE",
        "DATABASE_URL_FILE",
        "DATABASE_SSL",
        "DATABASE_SSLMODE",
        "DATABASE_SSL_REJECT_UNAUTHORIZED",
        "DATABASE_SSL_ROOT_CERT",
        "PGHOST",
        "PGHOSTADDR",
        "PGPORT",
        "PGUSER",
        "PGDATABASE",
        "PGSERVICE",
        "PGSERVICEFILE",
        "PGPASSFILE",
        "PGSSLMODE",
        "PGSSLROOTCERT",
        "PGSSLCERT",
        "PGOPTIONS",
        "PGAPPNAME",
        "PGCONNECT_TIMEOUT",
        "PGTARGETSESSIONATTRS",
        "PGCHANNELBINDING",
        "PGREQUIREAUTH",
    }
)


@dataclass(frozen=True, kw_only=True)
class TargetChoice:
    """Which target a command works on, and how that was decided."""

    #: None: the embedded server, a rehearsal.
    target: Target | None
    #: "argument", "DATABASE_URL", "DATABASE_*", "PG*" or "embedded".
    origin: str
    #: What was set and does not name PostgreSQL, for people.
    passed_over: tuple[str, ...] = ()

    @property
    def rehearsal(self) -> bool:
        """Nobody named a target."""
        return self.target is None

    @property
    def from_environment(self) -> bool:
        """It was set for some program, not said to this command."""
        return self.origin not in ("argument", "embedded")

    @property
    def needs_consent(self) -> bool:
        """It came from the environment and is not on this machine: whoever runs us may not know of it."""
        return self.from_environment and self.target is not None and not self.target.local


def resolve_target(argument: str | None, environ: Mapping[str, str] = os.environ) -> TargetChoice:
    """
    Decide which target is meant: the argument, else the environment where it names PostgreSQL, else ours.

    Raises UsageError for one that cannot be read (T-101, T-102, U-3xx); no secret is in the message.
    """
    from howdah.postgres.conninfo import build_target, names_postgres, parse_target

    if argument:
        return TargetChoice(target=parse_target(argument, environ=environ), origin="argument")
    passed_over: list[str] = []
    url = read_variable(environ, "DATABASE_URL")
    if url and names_postgres(url):
        target = parse_target(url, origin="DATABASE_URL", environ=environ)
        return TargetChoice(target=target, origin="DATABASE_URL")
    if url:
        passed_over.append(f"DATABASE_URL is {_name_scheme(url)}, not PostgreSQL")
    client = environ.get("DATABASE_CLIENT", "").strip().lower()
    if client in _POSTGRES_CLIENTS:
        target = build_target(_read_parts(environ), origin="DATABASE_*", environ=environ)
        return TargetChoice(target=target, origin="DATABASE_*", passed_over=tuple(passed_over))
    if client:
        passed_over.append(f"DATABASE_CLIENT is {client}, not PostgreSQL")
    if any(environ.get(name) for name in _PG_NAMES_A_SERVER):
        target = build_target(_read_pg_variables(environ), origin="PG*", environ=environ)
        return TargetChoice(target=target, origin="PG*", passed_over=tuple(passed_over))
    return TargetChoice(target=None, origin="embedded", passed_over=tuple(passed_over))


def read_variable(environ: Mapping[str, str], name: str) -> str:
    """
    Return a variable, or the content of the file that its `_FILE` twin names; "" where neither is set.

    Raises UsageError U-301 for a file that cannot be read, U-302 where both are set.
    """
    value, path = environ.get(name, ""), environ.get(f"{name}_FILE", "")
    if not path:
        return value
    if value:
        raise UsageError("U-302", f"Both {name} and {name}_FILE are set.", hint="Set one of them.")
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(
            "U-301", f"The file {path} that {name}_FILE names cannot be read: {reason}."
        ) from None


def describe_settings(environ: Mapping[str, str] = os.environ) -> list[tuple[str, str, str]]:
    """
    List what Howdah or libpq takes from the environment: name, value that may be shown, origin.

    The first is the target that a command without TARGET would work on.
    """
    try:
        choice = resolve_target(None, environ)
        shown = choice.target.redacted if choice.target is not None else "the embedded server"
        described = [("target", shown, choice.origin)]
        described += [("not a target", reason, "environment") for reason in choice.passed_over]
    except UsageError as error:
        described = [("target", f"({error.message})", "environment")]
    for name in sorted(environ):
        if not name.startswith(("HOWDAH_", "DATABASE_", "PG")) or not environ[name]:
            continue
        if name == "DATABASE_URL":
            value = _describe_url(environ[name])
        else:
            value = environ[name] if name in _SHOWN else "(set, not shown)"
        described.append((name, value, "environment"))
    return described


def _describe_url(url: str) -> str:
    from howdah.postgres.conninfo import names_postgres, parse_target

    if not names_postgres(url):
        return f"({_name_scheme(url)})"
    try:
        return parse_target(url, origin="DATABASE_URL").redacted
    except UsageError as error:
        return f"({error.message})"


def _name_scheme(url: str) -> str:
    """Say what kind of URL it is; nothing else of it is shown."""
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        scheme = ""
    return f"a {scheme} URL" if scheme else "not a URL"


def _read_parts(environ: Mapping[str, str]) -> dict[str, str]:
    """Translate Strapi's DATABASE_* parts into libpq parameters."""
    parameters = {
        "host": environ.get("DATABASE_HOST", "") or "localhost",
        "port": environ.get("DATABASE_PORT", ""),
        "dbname": environ.get("DATABASE_NAME", ""),
        "user": environ.get("DATABASE_USERNAME", ""),
        "password": read_variable(environ, "DATABASE_PASSWORD"),
    }
    if parameters["port"] and not parameters["port"].isdigit():
        raise UsageError("U-306", "DATABASE_PORT is not a number.")
    return parameters | _read_tls(environ)


def _read_tls(environ: Mapping[str, str]) -> dict[str, str]:
    """
    Translate node-postgres' TLS settings into libpq's, never into weaker ones.

    `ssl: true` with rejectUnauthorized (its default) checks chain and host name: verify-full.
    """
    mode, root = environ.get("DATABASE_SSLMODE", ""), environ.get("DATABASE_SSL_ROOT_CERT", "")
    authority = environ.get("DATABASE_SSL_CA", "")
    if authority.lstrip().startswith("-----BEGIN"):
        raise UsageError(
            "U-307",
            "DATABASE_SSL_CA holds a certificate itself, and libpq reads certificates from files.",
            hint="Write it to a file and name that in DATABASE_SSL_ROOT_CERT.",
        )
    root = root or authority
    if not mode and _read_flag(environ, "DATABASE_SSL", default=False):
        checked = _read_flag(environ, "DATABASE_SSL_REJECT_UNAUTHORIZED", default=True)
        mode = "verify-full" if checked else "require"
    if mode == "verify-full" and not root:
        root = "system"
    return {"sslmode": mode, "sslrootcert": root}


def _read_flag(environ: Mapping[str, str], name: str, *, default: bool) -> bool:
    value = environ.get(name)
    if value is None:
        return default
    if value.strip().lower() in _TRUE | _FALSE:
        return value.strip().lower() in _TRUE
    raise UsageError("U-308", f"{name} is neither true nor false.")


def _read_pg_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Take every variable that libpq would, so that the connection string says the whole."""
    from psycopg.pq import Conninfo

    return {
        option.keyword.decode(): environ[variable]
        for option in Conninfo.get_defaults()
        if option.envvar is not None and environ.get(variable := option.envvar.decode())
    }
