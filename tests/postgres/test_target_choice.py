"""Which target is meant: argument, environment where it names PostgreSQL, else the embedded server."""

from __future__ import annotations

from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from howdah.errors import UsageError
from howdah.places import state_directory
from howdah.settings import describe_settings, read_variable, resolve_target

CANARY = "C4n4ry-S3cret"

STRAPI = {
    "DATABASE_CLIENT": "postgres",
    "DATABASE_HOST": "db.example",
    "DATABASE_PORT": "6432",
    "DATABASE_NAME": "strapi",
    "DATABASE_USERNAME": "strapi",
    "DATABASE_PASSWORD": CANARY,
}


def parameters_of(environ: dict[str, str], argument: str | None = None) -> dict[str, object]:
    target = resolve_target(argument, environ).target
    assert target is not None
    return dict(conninfo_to_dict(target.conninfo))


def test_the_argument_comes_before_everything() -> None:
    choice = resolve_target("postgresql://u@h/d", {"DATABASE_URL": "postgresql://u@other/d"})
    assert choice.origin == "argument"
    assert choice.target is not None
    assert choice.target.redacted == "postgresql://u@h/d"
    assert not choice.needs_consent


def test_nothing_named_means_the_embedded_server() -> None:
    choice = resolve_target(None, {"PGUSER": "u", "PGPASSWORD": CANARY, "PATH": "/bin"})
    assert (choice.target, choice.origin, choice.rehearsal) == (None, "embedded", True)
    assert not choice.needs_consent


@pytest.mark.parametrize(
    "url", ["file:./dev.db", "sqlite:///app.db", "mysql://u:p@h/d", "./app.db", "::bad::["]
)
def test_a_database_url_that_is_not_postgres_is_no_target(url: str) -> None:
    choice = resolve_target(None, {"DATABASE_URL": url})
    assert choice.rehearsal
    assert "DATABASE_URL" in choice.passed_over[0]


@pytest.mark.parametrize("client", ["sqlite", "better-sqlite3", "mysql"])
def test_parts_that_name_another_client_are_no_target(client: str) -> None:
    choice = resolve_target(None, STRAPI | {"DATABASE_CLIENT": client})
    assert choice.rehearsal
    assert choice.passed_over == (f"DATABASE_CLIENT is {client}, not PostgreSQL",)


def test_parts_without_a_client_are_no_target() -> None:
    without = {name: value for name, value in STRAPI.items() if name != "DATABASE_CLIENT"}
    assert resolve_target(None, without).rehearsal


def test_an_sqlite_url_gives_way_to_pg_variables() -> None:
    choice = resolve_target(None, {"DATABASE_URL": "file:dev.db", "PGHOST": "h", "PGDATABASE": "d"})
    assert choice.origin == "PG*"


def test_strapis_parts_become_parameters() -> None:
    assert parameters_of(STRAPI) == {
        "host": "db.example",
        "port": "6432",
        "dbname": "strapi",
        "user": "strapi",
        "password": CANARY,
    }


@pytest.mark.parametrize(
    ("tls", "expected"),
    [
        ({}, {}),
        ({"DATABASE_SSL": "false"}, {}),
        ({"DATABASE_SSL": "true"}, {"sslmode": "verify-full", "sslrootcert": "system"}),
        (
            {"DATABASE_SSL": "true", "DATABASE_SSL_ROOT_CERT": "/etc/ca.pem"},
            {"sslmode": "verify-full", "sslrootcert": "/etc/ca.pem"},
        ),
        ({"DATABASE_SSL": "true", "DATABASE_SSL_REJECT_UNAUTHORIZED": "false"}, {"sslmode": "require"}),
        ({"DATABASE_SSLMODE": "verify-ca"}, {"sslmode": "verify-ca"}),
    ],
)
def test_tls_settings_are_translated_and_never_weakened(
    tls: dict[str, str], expected: dict[str, str]
) -> None:
    found = parameters_of(STRAPI | tls)
    assert {name: value for name, value in found.items() if name.startswith("ssl")} == expected


def test_pg_variables_are_taken_as_libpq_takes_them() -> None:
    environ = {"PGHOST": "h", "PGPORT": "5433", "PGUSER": "u", "PGPASSWORD": CANARY, "PGSSLMODE": "require"}
    assert parameters_of(environ) == {
        "host": "h",
        "port": "5433",
        "user": "u",
        "password": CANARY,
        "sslmode": "require",
    }


@pytest.mark.parametrize(
    ("environ", "needed"),
    [
        ({"DATABASE_URL": "postgresql://u@db.example/d"}, True),
        ({"DATABASE_URL": "postgresql://u@localhost/d"}, False),
        (STRAPI, True),
        (STRAPI | {"DATABASE_HOST": "127.0.0.1"}, False),
        ({"PGHOST": "db.example"}, True),
        ({"PGHOST": "/run/postgresql"}, False),
        ({"PGSERVICE": "prod"}, True),
    ],
)
def test_a_target_from_the_environment_that_is_elsewhere_wants_consent(
    environ: dict[str, str], needed: bool
) -> None:
    assert resolve_target(None, environ).needs_consent is needed


def test_secrets_may_come_from_files(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(f"{CANARY}\n")
    environ = {name: value for name, value in STRAPI.items() if name != "DATABASE_PASSWORD"}
    assert parameters_of(environ | {"DATABASE_PASSWORD_FILE": str(secret)})["password"] == CANARY
    url = tmp_path / "url"
    url.write_text(f"postgresql://u:{CANARY}@h/d\n")
    assert parameters_of({"DATABASE_URL_FILE": str(url)})["password"] == CANARY


def test_a_secret_file_that_is_missing_or_doubled_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_variable({"X_FILE": str(tmp_path / "none")}, "X")
    with pytest.raises(UsageError, match="Both X and X_FILE"):
        read_variable({"X": "a", "X_FILE": "b"}, "X")


@pytest.mark.parametrize(
    "wrong",
    [
        {"DATABASE_PORT": CANARY},
        {"DATABASE_SSL": CANARY},
        {"DATABASE_SSL_CA": f"-----BEGIN CERTIFICATE-----\n{CANARY}"},
        {"DATABASE_URL": f"postgresql://u:{CANARY} x@h/d"},
    ],
)
def test_a_wrong_setting_is_refused_without_its_value(wrong: dict[str, str]) -> None:
    with pytest.raises(UsageError) as refused:
        resolve_target(None, STRAPI | wrong)
    assert CANARY not in str(refused.value)


def test_what_doctor_shows_holds_no_secret() -> None:
    environ = STRAPI | {
        "DATABASE_URL": f"postgresql://u:{CANARY}@h/d",
        "PGPASSWORD": CANARY,
        "DATABASE_SSL_KEY": CANARY,
        "HOWDAH_BACKUP_TOKEN": CANARY,
        "PGHOST": "h",
        "UNRELATED": "x",
    }
    described = describe_settings(environ)
    assert CANARY not in repr(described)
    assert ("target", "postgresql://u@h/d", "DATABASE_URL") in described
    assert ("PGHOST", "h", "environment") in described
    assert ("PGPASSWORD", "(set, not shown)", "environment") in described
    assert "UNRELATED" not in repr(described)


def test_doctor_shows_why_a_setting_cannot_be_used() -> None:
    described = describe_settings({"DATABASE_URL": f"postgresql://u:{CANARY} x@h/d"})
    assert CANARY not in repr(described)
    assert described[0][0] == "target"
    assert "connection string" in described[0][1]


def test_the_state_directory_can_be_chosen(tmp_path: Path) -> None:
    assert state_directory({"HOWDAH_HOME": str(tmp_path)}) == tmp_path
    assert state_directory({}).name == "howdah"
