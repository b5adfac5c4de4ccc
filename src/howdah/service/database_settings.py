"""
Read the database settings of the service: which server, how the pool behaves, what each session gets.

Every problem is found before any is reported, and no value is quoted. What Strapi knows and
this pool does not is accepted with a note. There is no way to SQLite from here.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from psycopg.conninfo import conninfo_to_dict

from howdah.errors import UsageError
from howdah.names import quote
from howdah.postgres.conninfo import Target, build_target, format_conninfo, names_postgres, parse_target
from howdah.service.database_variables import DATABASE_VARIABLES, SQLITE_FILE
from howdah.service.setting_reader import SettingReader
from howdah.service.tls import TlsWishes, certificate_files, read_url_tls, translate_tls
from howdah.settings import resolve_target

#: Any of these means that Strapi's parts name the server.
_PARTS = {
    "DATABASE_HOST": "host",
    "DATABASE_PORT": "port",
    "DATABASE_NAME": "dbname",
    "DATABASE_USERNAME": "user",
    "DATABASE_PASSWORD": "password",
}
_SQLITE_CLIENTS = ("sqlite", "sqlite3", "better-sqlite3", "better-sqlite", "vscode-sqlite3")
#: Where Strapi keeps its SQLite file unless told otherwise.
_STRAPI_FILE = ".tmp/data.db"

#: A dead peer is noticed after half a minute (seconds; tcp_user_timeout in milliseconds).
_KEEPALIVES = {
    "keepalives": "1",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}


@dataclass(frozen=True, kw_only=True)
class PoolSettings:
    """Sizes and times of the pool; times in seconds."""

    min_size: int = 2
    max_size: int = 10
    acquire_timeout: float = 30.0
    close_timeout: float = 5.0
    max_idle: float = 60.0
    max_lifetime: float = 1800.0
    reconnect_timeout: float = 1.0
    max_waiting: int = 40
    check_after_idle: float = 5.0


@dataclass(frozen=True, kw_only=True)
class DatabaseSettings:
    """Everything the service needs to reach its database."""

    #: None: nothing names a server.
    target: Target | None
    pool: PoolSettings = PoolSettings()
    #: Seconds.
    connect_timeout: float = 5.0
    #: Set at the beginning of each session, by PostgreSQL's names.
    session: Mapping[str, str] = field(default_factory=dict)
    #: PEM text by libpq's parameter.
    pem: Mapping[str, str] = field(default_factory=dict, repr=False)
    #: What a person should know: taken otherwise than written, or without effect.
    notes: tuple[str, ...] = ()

    @contextmanager
    def open_conninfo(self, application_name: str) -> Iterator[str]:
        """
        Return the whole connection string, secrets and all; certificates given as text exist meanwhile.

        Raises UsageError U-322 where no server is named.
        """
        if self.target is None:
            raise UsageError(
                "U-322",
                "Nothing names the database.",
                hint="Give a target, or set DATABASE_URL or DATABASE_HOST and its companions.",
            )
        given = {
            name: str(value)
            for name, value in conninfo_to_dict(self.target.conninfo).items()
            if value is not None
        }
        options = [given.pop("options", "")]
        options += [f"-c {name}={_escape_option(value)}" for name, value in self.session.items()]
        # libpq counts whole seconds and waits two at least.
        connect_timeout = str(max(2, math.ceil(self.connect_timeout)))
        ours = {
            "options": " ".join(option for option in options if option),
            "application_name": application_name,
            "client_encoding": "UTF8",
        }
        with certificate_files(self.pem) as files:
            yield format_conninfo(_KEEPALIVES | {"connect_timeout": connect_timeout} | given | files | ours)


def read_database_settings(environ: Mapping[str, str], *, target: str | None = None) -> DatabaseSettings:
    """
    Read the DATABASE_* variables; `target` (URI or keywords) comes before those that name a server.

    Raises UsageError U-320 that lists every problem, U-321 where it is still SQLite that is named.
    """
    reader = SettingReader(environ, [setting for group in DATABASE_VARIABLES.values() for setting in group])
    chosen, pem = _read_target(reader, target)
    pool, session = _read_pool(reader), _read_session(reader)
    connect_timeout = reader.seconds("DATABASE_POOL_CREATE_TIMEOUT")
    reader.note_what_has_no_effect("DATABASE_", also_known=[SQLITE_FILE])
    reader.raise_problems()
    return DatabaseSettings(
        target=chosen,
        pool=pool,
        connect_timeout=connect_timeout,
        session=session,
        pem=pem,
        notes=tuple(reader.notes),
    )


def _read_target(reader: SettingReader, argument: str | None) -> tuple[Target | None, Mapping[str, str]]:
    """Choose the server: argument, DATABASE_URL, the parts, libpq's own variables, nobody."""
    if argument:
        return parse_target(argument, environ=reader.environ), {}
    _refuse_sqlite(reader)
    url = reader.text("DATABASE_URL").strip()
    if url:
        return _read_url(reader, url)
    client = reader.choice("DATABASE_CLIENT")
    parts = {parameter: reader.text(name) for name, parameter in _PARTS.items()}
    if client or any(parts.values()):
        reader.number("DATABASE_PORT")
        parts["host"] = parts["host"] or "localhost"
        return _with_tls(reader, build_target(parts, origin="DATABASE_*", environ=reader.environ), {})
    others = {name: value for name, value in reader.environ.items() if not name.startswith("DATABASE_")}
    return resolve_target(None, others).target, {}


def _refuse_sqlite(reader: SettingReader) -> None:
    """Raise U-321 where the settings still name the database that was migrated, or should be."""
    client = reader.text("DATABASE_CLIENT").strip().lower()
    url = reader.text("DATABASE_URL").strip()
    scheme, _, path = url.partition(":")
    if client in _SQLITE_CLIENTS:
        variable, file = "DATABASE_CLIENT", reader.environ.get(SQLITE_FILE, "") or _STRAPI_FILE
    elif scheme.lower().startswith(("sqlite", "file")) and path:
        variable, file = "DATABASE_URL", path.removeprefix("///").removeprefix("//")
    else:
        return
    raise UsageError(
        "U-321",
        f"{variable} names a SQLite database, and the service works on PostgreSQL alone.",
        hint=f"Migrate it: howdah migrate {shlex.quote(file)} TARGET; then set DATABASE_CLIENT=postgres"
        " and DATABASE_URL to the target.",
    )


def _read_url(reader: SettingReader, url: str) -> tuple[Target | None, Mapping[str, str]]:
    reader.choice("DATABASE_CLIENT")
    if not names_postgres(url):
        reader.problems.append("DATABASE_URL is not a URI of PostgreSQL.")
        return None, {}
    tls = read_url_tls(url)
    # Modes of node-postgres that libpq would refuse.
    base, _, query = url.partition("?")
    kept = [pair for pair in query.split("&") if pair and pair.partition("=")[0] not in tls]
    try:
        target = parse_target(
            base + ("?" + "&".join(kept) if kept else ""), origin="DATABASE_URL", environ=reader.environ
        )
    except UsageError as error:
        reader.problems.append(" ".join(part for part in (error.message, error.detail) if part))
        return None, {}
    return _with_tls(reader, target, tls)


def _with_tls(
    reader: SettingReader, target: Target, url_parameters: Mapping[str, str]
) -> tuple[Target, Mapping[str, str]]:
    checked = reader.flag("DATABASE_SSL_REJECT_UNAUTHORIZED")
    wishes = TlsWishes(
        mode=reader.choice("DATABASE_SSLMODE"),
        enabled=reader.flag("DATABASE_SSL"),
        reject_unauthorized=checked is not False,
        authority=reader.text("DATABASE_SSL_CA"),
        certificate=reader.text("DATABASE_SSL_CERT"),
        key=reader.text("DATABASE_SSL_KEY"),
    )
    parameters = {name: str(value) for name, value in conninfo_to_dict(target.conninfo).items()}
    tls = translate_tls(wishes, host=parameters.get("host", ""), url_parameters=url_parameters)
    reader.notes += tls.notes
    merged = build_target(
        parameters | dict(tls.parameters),
        origin=target.origin,
        ignored=target.ignored,
        environ=reader.environ,
    )
    return merged, tls.pem


def _read_pool(reader: SettingReader) -> PoolSettings:
    max_size = reader.number("DATABASE_POOL_MAX")
    # Two at least unless fewer are allowed in all; said explicitly it must fit.
    min_size = reader.number("DATABASE_POOL_MIN", default=min(2, max_size))
    if min_size > max_size:
        reader.problems.append("DATABASE_POOL_MIN is above DATABASE_POOL_MAX.")
    if reader.text("DATABASE_POOL_MIN").strip() and min_size == 0:
        reader.notes.append("DATABASE_POOL_MIN=0: the first request after a pause waits for a connection.")
    return PoolSettings(
        min_size=min_size,
        max_size=max_size,
        acquire_timeout=min(
            reader.seconds("DATABASE_POOL_ACQUIRE_TIMEOUT"), reader.seconds("DATABASE_CONNECTION_TIMEOUT")
        ),
        close_timeout=reader.seconds("DATABASE_POOL_DESTROY_TIMEOUT"),
        max_idle=reader.seconds("DATABASE_POOL_IDLE_TIMEOUT"),
        max_lifetime=reader.seconds("DATABASE_POOL_MAX_LIFETIME"),
        reconnect_timeout=reader.seconds("DATABASE_POOL_RECONNECT_TIMEOUT"),
        max_waiting=reader.number("DATABASE_POOL_MAX_WAITING", default=4 * max_size),
        check_after_idle=reader.seconds("DATABASE_POOL_CHECK_IDLE"),
    )


def _read_session(reader: SettingReader) -> dict[str, str]:
    """Return what each session is set to, by PostgreSQL's names."""
    times = {
        "statement_timeout": reader.seconds("DATABASE_STATEMENT_TIMEOUT"),
        "lock_timeout": reader.seconds("DATABASE_LOCK_TIMEOUT"),
        "idle_in_transaction_session_timeout": reader.seconds("DATABASE_IDLE_IN_TX_TIMEOUT"),
    }
    session = {name: f"{round(seconds * 1000)}ms" for name, seconds in times.items()}
    session["TimeZone"] = "UTC"
    schema = reader.text("DATABASE_SCHEMA").strip() or reader.settings["DATABASE_SCHEMA"].default
    session["search_path"] = quote(schema)
    return session


def _escape_option(value: str) -> str:
    """Escape a value in libpq's `options`, where spaces separate and backslashes escape."""
    return value.replace("\\", "\\\\").replace(" ", "\\ ")
