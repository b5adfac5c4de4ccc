"""
libpq connection strings: read, normalised, shown without secrets, written.

Every connection string that a person gives passes through `parse_target` before a
driver sees it, because drivers quote what they cannot parse, password included.
Accepted are libpq's keyword strings and URIs, the URIs of SQLAlchemy
(`postgresql+psycopg://`) and parameters that Prisma adds.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NoReturn
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from howdah.errors import UsageError

_SCHEME = re.compile(r"^(postgres|postgresql)(\+[a-z0-9_]+)?://", re.IGNORECASE)
_ANY_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*)://|^(sqlite|file):")

#: URI parameters of other clients that mean nothing to a migration.
_FOREIGN_PARAMETERS = frozenset(
    {
        "schema",
        "connection_limit",
        "pool_timeout",
        "pgbouncer",
        "socket_timeout",
        "statement_cache_size",
        "sslaccept",
        "prepared_statement_cache_size",
        "prepareThreshold",
        "uselibpqcompat",
    }
)

#: Parameters whose value is a secret (those that libpq marks with "*", and keys).
_SECRET_PARAMETERS = (
    "password",
    "sslpassword",
    "scram_client_key",
    "scram_server_key",
    "oauth_client_secret",
)


@dataclass(frozen=True, kw_only=True)
class Target:
    """A PostgreSQL database that somebody named, or the embedded one."""

    #: libpq keyword string. It may hold a password: never printed, not in `repr`.
    conninfo: str = field(repr=False)
    #: For people: user, host, port and database, nothing else.
    redacted: str
    #: Where it came from: "argument", "DATABASE_URL", "DATABASE_*", "PG*", "embedded".
    origin: str = "argument"
    #: The embedded server: data for a trial.
    rehearsal: bool = False
    #: On this machine: a Unix socket or a loopback address.
    local: bool = False
    #: Parameters of another client's URI that were left out, by name.
    ignored: tuple[str, ...] = ()

    def with_database(self, dbname: str) -> Target:
        """Return the same server with another database."""
        parameters = conninfo_to_dict(self.conninfo) | {"dbname": dbname}
        return build_target(
            {name: str(value) for name, value in parameters.items()},
            origin=self.origin,
            rehearsal=self.rehearsal,
            ignored=self.ignored,
        )

    @property
    def dbname(self) -> str:
        """Name of the database, "" where libpq takes the user's name."""
        return str(conninfo_to_dict(self.conninfo).get("dbname", ""))


def names_postgres(text: str) -> bool:
    """Tell whether a URL is one of PostgreSQL; a DATABASE_URL may well be SQLite's or MySQL's."""
    return _SCHEME.match(text.strip()) is not None


def parse_target(
    text: str, *, origin: str = "argument", rehearsal: bool = False, environ: Mapping[str, str] = os.environ
) -> Target:
    """
    Read a URI or keyword string.

    Raises UsageError T-101 where it cannot be read and T-102 where it names something else than
    PostgreSQL; neither shows any part of it that could be a secret.
    """
    text = text.strip()
    if _SCHEME.match(text) is None and (other := _ANY_SCHEME.match(text)) is not None:
        raise UsageError(
            "T-102",
            f"The target ({origin}) is a {other[1] or other[2]} URL, not one of PostgreSQL.",
            hint="Give a URI like postgresql://user@host:5432/database.",
        )
    ignored: tuple[str, ...] = ()
    if _SCHEME.match(text):
        text, ignored = _normalise_uri(text)
    try:
        parameters = conninfo_to_dict(text)
    except psycopg.ProgrammingError:
        # Its message quotes the string, password and all: it goes no further than this.
        parameters = None
    if (
        parameters is None
        or not _is_port(str(parameters.get("port") or ""))
        or _is_cut_at_the_wrong_place(text, parameters)
    ):
        _refuse(text, origin)
    return build_target(
        {name: str(value) for name, value in parameters.items() if value is not None},
        origin=origin,
        rehearsal=rehearsal,
        ignored=ignored,
        environ=environ,
    )


def build_target(
    parameters: Mapping[str, str],
    *,
    origin: str,
    rehearsal: bool = False,
    ignored: tuple[str, ...] = (),
    environ: Mapping[str, str] = os.environ,
) -> Target:
    """Make a target of libpq parameters; what they leave open, libpq takes from the PG* environment."""
    known = {name: value for name, value in parameters.items() if value != ""}
    shown = {
        name: known.get(name, environ.get(variable, ""))
        for name, variable in (
            ("user", "PGUSER"),
            ("host", "PGHOST"),
            ("port", "PGPORT"),
            ("dbname", "PGDATABASE"),
            ("service", "PGSERVICE"),
        )
    }
    address = known.get("hostaddr", environ.get("PGHOSTADDR", ""))
    if not shown["host"]:
        shown["host"] = address
    # A service file may name any host.
    local = _is_local(address or shown["host"]) and not (shown["service"] and not shown["host"])
    return Target(
        conninfo=format_conninfo(known),
        redacted=format_url(shown),
        origin=origin,
        rehearsal=rehearsal,
        local=local,
        ignored=ignored,
    )


def secrets_in(conninfo: str) -> tuple[str, ...]:
    """Return the secrets in a connection string that has been through `parse_target`."""
    parameters = conninfo_to_dict(conninfo)
    return tuple(str(parameters[name]) for name in _SECRET_PARAMETERS if parameters.get(name))


def redact(text: str, secrets: Iterable[str]) -> str:
    """Replace every secret in a text by ***: as it is and as URLs, keyword strings and Python write it."""
    forms = {form for secret in secrets if secret for form in _written_forms(secret)}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, "***")
    return text


def _written_forms(secret: str) -> Iterator[str]:
    quoted = _quote_value(secret)
    for form in (secret, quoted[1:-1] if quoted.startswith("'") else quoted):
        yield form
        # In the repr of a string, as tracebacks have it; with either kind of quotes around.
        yield repr(form)[1:-1]
        yield repr(form + '"')[1:-2]
    yield quote(secret, safe="")
    yield quote(secret)


def redact_url(text: str) -> str:
    """Return a connection string as people may see it. Raises as `parse_target`."""
    return parse_target(text).redacted


def format_conninfo(parameters: Mapping[str, str]) -> str:
    """Return a keyword string quoted by libpq's rules; parameters without a value are left out."""
    return " ".join(f"{name}={_quote_value(value)}" for name, value in parameters.items() if value != "")


def format_url(parameters: Mapping[str, str]) -> str:
    """Return a URL; everything but user, password, host, port and database goes into its query."""
    rest = {name: value for name, value in parameters.items() if value != ""}
    user, password = rest.pop("user", ""), rest.pop("password", "")
    database = rest.pop("dbname", "")
    authority = ""
    if user or password:
        authority = quote(user, safe="")
        if password:
            authority += ":" + quote(password, safe="")
        authority += "@"
    host = rest.get("host", "")
    if host and not host.startswith(("/", "@")) and "," not in host:
        authority += f"[{host}]" if ":" in host else quote(host, safe=".-_")
        del rest["host"]
        if "port" in rest:
            authority += f":{rest.pop('port')}"
    query = "&".join(f"{name}={quote(value, safe='/')}" for name, value in rest.items())
    return f"postgresql://{authority}/{quote(database, safe='')}" + (f"?{query}" if query else "")


def _quote_value(value: str) -> str:
    if value and all(character.isalnum() or character in "-_./:@+" for character in value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _normalise_uri(text: str) -> tuple[str, tuple[str, ...]]:
    """Drop the driver from the scheme and other clients' parameters from the query."""
    text = _SCHEME.sub("postgresql://", text)
    base, mark, query = text.partition("?")
    if not mark:
        return text, ()
    pairs = [pair for pair in query.split("&") if pair]
    foreign = [pair for pair in pairs if pair.partition("=")[0] in _FOREIGN_PARAMETERS]
    kept = [pair for pair in pairs if pair not in foreign]
    return base + ("?" + "&".join(kept) if kept else ""), tuple(pair.partition("=")[0] for pair in foreign)


def _is_port(ports: str) -> bool:
    # libpq itself finds out only when it connects.
    return all(port == "" or (port.isascii() and port.isdigit()) for port in ports.split(","))


def _is_cut_at_the_wrong_place(text: str, parameters: Mapping[str, object]) -> bool:
    """
    Tell whether an @ stands in the host or, without a user, in the database: libpq ends the password of a
    URI at its first @, and would take the rest of `u:p@ss@host` for the host, which is shown.
    """
    if "://" not in text:
        return False
    hosts = str(parameters.get("host") or "").split(",")
    # One at the beginning names an abstract socket.
    in_host = any("@" in host.strip()[1:] for host in hosts)
    in_database = "user" not in parameters and "@" in str(parameters.get("dbname") or "")
    return in_host or (in_database and "@" in text.partition("?")[0])


def _is_local(hosts: str) -> bool:
    """Tell whether every one of libpq's comma-separated hosts is this machine; "" is the local socket."""
    return all(_is_local_host(host.strip()) for host in hosts.split(","))


def _is_local_host(host: str) -> bool:
    if not host or host.startswith(("/", "@")) or host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refuse(text: str, origin: str) -> NoReturn:
    """Raise for a string that libpq cannot read, saying why without showing any of it."""
    raise UsageError(
        "T-101",
        f"The target ({origin}) is not a connection string that PostgreSQL's client library can read.",
        detail=_explain_uri(text) if "://" in text else _explain_keywords(text),
        hint='Give a URI like postgresql://user@host:5432/database, or "host=… port=… dbname=… user=…".',
    )


def _explain_uri(text: str) -> str:
    if any(character.isspace() for character in text):
        return "The URI holds a space; write it as %20."
    before_query, _, query = text.partition("?")
    if before_query.count("@") > 1:
        return "The user name or password holds an @; write it as %40."
    if "@" in query and "@" not in before_query:
        return "The user name or password holds a character such as ?, # or /; percent-encode it."
    if "%" in text and re.search(r"%(?![0-9A-Fa-f]{2})|%00", text):
        return "A percent sign is not followed by two hexadecimal digits; write it as %25."
    try:
        parts = urlsplit(text)
        port = parts.port
        keys = [key for key, _ in parse_qsl(parts.query, keep_blank_values=True)]
    except ValueError:
        return "The host or the port is not well-formed; percent-encode special characters of the password."
    if port is None and parts.netloc.rpartition("@")[2].count(":") > 1:
        return "An IPv6 address stands in square brackets."
    return _explain_names(keys) or "Percent-encode special characters of the user name and password."


def _explain_keywords(text: str) -> str:
    if "=" not in text:
        return "It is neither a URI nor a list of keyword=value."
    names = re.findall(r"(\w+)\s*=", text)
    return _explain_names(names) or "Put a value that holds spaces, quotes or backslashes in single quotes."


def _explain_names(names: Iterable[str]) -> str:
    # A name may be a piece of a password that was not quoted: only libpq's own names are ever shown.
    known = [option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()]
    for name in names:
        if unquote(name) not in known:
            near = difflib.get_close_matches(name.lower(), known, 1)
            return "It holds an unknown parameter" + (f'; is "{near[0]}" meant?' if near else ".")
    return ""
