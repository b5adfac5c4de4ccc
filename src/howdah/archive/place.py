"""
Make the place that a backup is restored into: a database like the one it was taken from, and its roles.

What a server cannot offer (an extension, a locale, a role) is said before anything is restored, and
is no fault of the backup.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

import psycopg
from psycopg import sql

from howdah.errors import EnvironmentFailedError
from howdah.model.backup import DatabaseFacts, Manifest, RoleFacts
from howdah.postgres.connect import Connection
from howdah.postgres.databases import create_database

#: SQLSTATEs of CREATE DATABASE for a locale that the server does not have.
_NO_LOCALE = (
    psycopg.errors.WrongObjectType,
    psycopg.errors.InvalidParameterValue,
    psycopg.errors.FeatureNotSupported,
)
#: Of ALTER … SET for a parameter that the role may not set, or the server does not know or take.
_NO_SETTING = (
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.UndefinedObject,
    psycopg.errors.InvalidParameterValue,
)
#: Parameters whose value the server stores as a list of quoted names (GUC_LIST_QUOTE), and one such name.
_LISTS_OF_NAMES = ("search_path", "temp_tablespaces", "session_preload_libraries", "local_preload_libraries")
_NAME = re.compile(r'"((?:[^"]|"")*)"|([^,\s][^,]*)')


def require_extensions(connection: Connection, manifest: Manifest) -> None:
    """Raise EnvironmentFailedError (B-420) that names every extension the server does not have."""
    assert manifest.database is not None
    available = {
        name for (name,) in connection.execute("SELECT name FROM pg_catalog.pg_available_extensions")
    }
    missing = sorted(set(manifest.database.extensions) - available)
    if missing:
        raise EnvironmentFailedError(
            "B-420",
            f"The server does not have the extension{'s' if len(missing) > 1 else ''} {', '.join(missing)}.",
            detail="The backup needs them; it is not at fault.",
            hint="Install their packages on the server.",
        )


def require_major(connection: Connection, manifest: Manifest) -> None:
    """Raise EnvironmentFailedError (B-421) where the server is of another major than the backup."""
    major = connection.info.server_version // 10000
    if major != manifest.major:
        raise EnvironmentFailedError(
            "B-421",
            f"The server is PostgreSQL {major}, and backup {manifest.id} is of PostgreSQL {manifest.major}.",
            detail="Archives and client tools of different majors do not fit together.",
            hint=f"Restore into a server of PostgreSQL {manifest.major}; upgrade that one with pg_upgrade.",
        )


def missing_roles(connection: Connection, roles: Iterable[RoleFacts]) -> tuple[RoleFacts, ...]:
    """Return the roles that the server does not have."""
    present = {name for (name,) in connection.execute("SELECT rolname FROM pg_catalog.pg_roles")}
    return tuple(role for role in roles if role.name not in present)


def create_roles(connection: Connection, roles: Sequence[RoleFacts], *, login: bool) -> tuple[str, ...]:
    """
    Create roles without passwords, then their memberships; on a connection in autocommit mode.

    Nobody becomes a superuser by a backup, or a member of a role that was there. Without `login` they only
    own things, else they get their settings too; what cannot be made is returned as notes.
    """
    for role in roles:
        wanted = [
            "LOGIN" if login and role.login else "NOLOGIN",
            "INHERIT" if role.inherit else "NOINHERIT",
            *(["CREATEROLE"] if login and role.create_role else []),
            *(["CREATEDB"] if login and role.create_db else []),
        ]
        statement = sql.SQL("CREATE ROLE {} " + " ".join(wanted))
        connection.execute(statement.format(sql.Identifier(role.name)))
    names = {role.name for role in roles}
    notes = []
    for role in roles:
        for group in role.member_of:
            grant = sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), sql.Identifier(role.name))
            if group in names:
                connection.execute(grant)
            else:
                # What a role of this server may do is not a backup's to give away.
                notes.append(f"Left out, as {group} is a role of this server: {grant.as_string()}.")
    if not login:
        return ()
    for role in roles:
        notes += apply_settings(connection, "ROLE", role.name, role.settings)
    return tuple(notes)


def create_like(
    connection: Connection, name: str, facts: DatabaseFacts, *, any_locale: bool
) -> tuple[str, ...]:
    """
    Create an empty database with the encoding and locale of the one that was backed up.

    On a connection in autocommit mode. With `any_locale` the server's own locale does where that one
    is missing; what is then not comparable is returned as notes. Raises EnvironmentFailedError (B-422).
    """
    try:
        connection.execute(_create_statement(name, facts, connection.info.server_version // 10000))
    except _NO_LOCALE as error:
        said = error.diag.message_primary or ""
        if not any_locale:
            raise EnvironmentFailedError(
                "B-422",
                "The server does not have the locale of the database that was backed up.",
                detail=f"{_describe_locale(facts)}: {said}.",
                hint="Install that locale on the server, or restore into a server of the same image.",
            ) from None
        if facts.encoding != "UTF8":
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {} LOCALE 'C'").format(
                    sql.Identifier(name), sql.Literal(facts.encoding)
                )
            )
        else:
            create_database(connection, name)
        return (f"Order of text is not comparable here: {_describe_locale(facts)} is missing ({said}).",)
    return ()


def _describe_locale(facts: DatabaseFacts) -> str:
    provider = {"i": "ICU locale", "b": "built-in locale"}.get(facts.provider, "locale")
    return f"{provider} {facts.locale or facts.collate}"


def _create_statement(name: str, facts: DatabaseFacts, major: int) -> sql.Composed:
    parts = [
        sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}").format(
            sql.Identifier(name),
            sql.Literal(facts.encoding),
            sql.Literal(facts.collate),
            sql.Literal(facts.ctype),
        )
    ]
    if major >= 15:
        if facts.provider == "i":
            parts.append(sql.SQL("LOCALE_PROVIDER icu ICU_LOCALE {}").format(sql.Literal(facts.locale)))
        elif facts.provider == "b":
            parts.append(
                sql.SQL("LOCALE_PROVIDER builtin BUILTIN_LOCALE {}").format(sql.Literal(facts.locale))
            )
        else:
            parts.append(sql.SQL("LOCALE_PROVIDER libc").format())
    return sql.SQL(" ").join(parts)


def apply_settings(
    connection: Connection, kind: Literal["DATABASE", "ROLE"], name: str, settings: Iterable[str]
) -> tuple[str, ...]:
    """
    Give a new database or role the settings (ALTER … SET) of the old one; on a connection in autocommit mode.

    Those that may not or cannot be set here are no reason to give a restore up: they are returned as a note.
    """
    refused = []
    for setting in settings:
        parameter, _, value = setting.partition("=")
        statement = sql.SQL("ALTER {} {} SET {} TO {}").format(
            sql.SQL(kind),
            sql.Identifier(name),
            sql.SQL(".").join(sql.Identifier(part) for part in parameter.split(".")),
            _as_setting(parameter, value),
        )
        try:
            connection.execute(statement)
        except _NO_SETTING as error:
            refused.append(f"{setting} ({error.diag.message_primary})")
    if not refused:
        return ()
    return (f'Settings of {kind.lower()} "{name}" that could not be made here: {"; ".join(refused)}.',)


def _as_setting(parameter: str, value: str) -> sql.Composable:
    if parameter not in _LISTS_OF_NAMES:
        return sql.Literal(value)
    names = [plain.rstrip() if plain else quoted.replace('""', '"') for quoted, plain in _NAME.findall(value)]
    return sql.SQL(", ").join(map(sql.Literal, names))
