"""The DATABASE_* variables: what is read, what is refused, what is translated, and their reference page."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from howdah.errors import UsageError
from howdah.service.admin_settings import read_admin_settings
from howdah.service.api.settings import read_api_settings
from howdah.service.database_settings import DatabaseSettings, read_database_settings
from howdah.service.database_variables import DATABASE_VARIABLES
from howdah.service.setting import Kind
from howdah.service.settings_reference import render_settings_reference

CANARY = "C4n4ry-S3cret"
PARTS = {
    "DATABASE_CLIENT": "postgres",
    "DATABASE_HOST": "db.example",
    "DATABASE_PORT": "6432",
    "DATABASE_NAME": "strapi",
    "DATABASE_USERNAME": "strapi",
    "DATABASE_PASSWORD": CANARY,
}
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def parameters(settings: DatabaseSettings) -> dict[str, str]:
    with settings.open_conninfo("test") as conninfo:
        return {name: str(value) for name, value in conninfo_to_dict(conninfo).items()}


def refusal(environ: dict[str, str]) -> UsageError:
    with pytest.raises(UsageError) as refused:
        read_database_settings(environ)
    assert CANARY not in str(refused.value)
    return refused.value


def test_strapis_parts_name_the_server() -> None:
    found = parameters(read_database_settings(PARTS))
    assert {name: found[name] for name in ("host", "port", "dbname", "user", "password")} == {
        "host": "db.example",
        "port": "6432",
        "dbname": "strapi",
        "user": "strapi",
        "password": CANARY,
    }


def test_the_url_comes_before_the_parts_and_an_empty_one_does_not_count() -> None:
    url = "postgresql://other@elsewhere.example:5433/content"
    assert parameters(read_database_settings(PARTS | {"DATABASE_URL": url}))["host"] == "elsewhere.example"
    assert parameters(read_database_settings(PARTS | {"DATABASE_URL": ""}))["host"] == "db.example"


def test_the_argument_comes_before_everything() -> None:
    settings = read_database_settings(PARTS | {"DATABASE_POOL_MAX": "4"}, target="postgresql://u@h/d")
    assert parameters(settings)["host"] == "h"
    assert settings.pool.max_size == 4


def test_secrets_may_come_from_files(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(CANARY + "\n")
    environ = {name: value for name, value in PARTS.items() if name != "DATABASE_PASSWORD"}
    settings = read_database_settings(environ | {"DATABASE_PASSWORD_FILE": str(secret)})
    assert parameters(settings)["password"] == CANARY
    assert CANARY not in repr(settings)
    (tmp_path / "url").write_text(f"postgresql://u:{CANARY}@h/d")
    assert parameters(read_database_settings({"DATABASE_URL_FILE": str(tmp_path / "url")}))["user"] == "u"


def test_defaults_are_those_of_knex_where_it_has_any() -> None:
    pool = read_database_settings(PARTS).pool
    assert (pool.min_size, pool.max_size, pool.acquire_timeout) == (2, 10, 30.0)
    assert (pool.max_waiting, pool.max_lifetime, pool.check_after_idle) == (40, 1800.0, 5.0)


def test_times_are_milliseconds_or_say_their_unit() -> None:
    environ = PARTS | {
        "DATABASE_POOL_ACQUIRE_TIMEOUT": "60000",
        "DATABASE_CONNECTION_TIMEOUT": "20s",
        "DATABASE_POOL_IDLE_TIMEOUT": "5min",
        "DATABASE_POOL_CREATE_TIMEOUT": "2500",
        "DATABASE_STATEMENT_TIMEOUT": "1.5s",
    }
    settings = read_database_settings(environ)
    assert settings.pool.acquire_timeout == 20.0, "the shorter of knex' two names counts"
    assert settings.pool.max_idle == 300.0
    assert parameters(settings)["connect_timeout"] == "3"
    assert "statement_timeout=1500ms" in parameters(settings)["options"]


def test_every_problem_is_reported_at_once() -> None:
    error = refusal(
        PARTS
        | {
            "DATABASE_PORT": "seventy",
            "DATABASE_POOL_MIN": "20",
            "DATABASE_POOL_ACQUIRE_TIMEOUT": CANARY,
            "DATABASE_SSL": "perhaps",
            "DATABASE_SSLMODE": "tight",
            "DATABASE_PASSWORD_FILE": "/nowhere",
        }
    )
    assert error.code == "U-320"
    for name in (
        "DATABASE_PORT",
        "DATABASE_POOL_MIN is above DATABASE_POOL_MAX",
        "DATABASE_POOL_ACQUIRE_TIMEOUT",
        "DATABASE_SSL is neither",
        "DATABASE_SSLMODE",
        "DATABASE_PASSWORD_FILE",
    ):
        assert name in error.detail


@pytest.mark.parametrize("port", ["0", "65536", "-1", "5432.0"])
def test_a_port_is_a_number_that_exists(port: str) -> None:
    assert "DATABASE_PORT" in refusal(PARTS | {"DATABASE_PORT": port}).detail


@pytest.mark.parametrize(
    ("environ", "command"),
    [
        ({"DATABASE_CLIENT": "sqlite"}, "howdah migrate .tmp/data.db "),
        (
            {"DATABASE_CLIENT": "better-sqlite3", "DATABASE_FILENAME": "my data.db"},
            "howdah migrate 'my data.db' ",
        ),
        ({"DATABASE_URL": "file:./dev.db"}, "howdah migrate ./dev.db "),
        ({"DATABASE_URL": "sqlite:////srv/app.db"}, "howdah migrate /srv/app.db "),
    ],
)
def test_sqlite_is_refused_with_the_command_that_migrates_it(environ: dict[str, str], command: str) -> None:
    error = refusal(environ)
    assert error.code == "U-321"
    assert command in error.hint


def test_another_database_is_refused() -> None:
    assert "DATABASE_CLIENT" in refusal({"DATABASE_CLIENT": "mysql"}).detail
    assert "DATABASE_URL" in refusal({"DATABASE_URL": f"mysql://u:{CANARY}@h/d"}).detail


def test_what_has_no_counterpart_is_accepted_with_a_note() -> None:
    notes = read_database_settings(
        PARTS
        | {
            "DATABASE_POOL_REAP_INTERVAL": "1000",
            "DATABASE_POOL_RETRY_INTERVAL": "200",
            "DATABASE_SSL_CIPHER": "x",
            "DATABASE_POOL_MAXX": "7",
        }
    ).notes
    text = "\n".join(notes)
    for name in ("DATABASE_POOL_REAP_INTERVAL", "DATABASE_POOL_CREATE_RETRY_INTERVAL", "DATABASE_SSL_CIPHER"):
        assert name in text
    assert "is DATABASE_POOL_MAX meant?" in text


def test_nothing_named_is_no_server() -> None:
    settings = read_database_settings({"DATABASE_POOL_MAX": "3"})
    assert settings.target is None
    with pytest.raises(UsageError, match="Nothing names"), settings.open_conninfo("test"):
        pass


def test_libpqs_own_variables_come_last() -> None:
    assert parameters(read_database_settings({"PGHOST": "/run/pg", "PGDATABASE": "d"}))["host"] == "/run/pg"


# --- TLS: node-postgres' meaning in libpq's terms, never a weaker one.


@pytest.mark.parametrize(
    ("host", "environ", "mode"),
    [
        ("db.example", {}, None),
        ("db.example", {"DATABASE_SSL": "true"}, "verify-full"),
        ("db.example", {"DATABASE_SSL": "true", "DATABASE_SSL_REJECT_UNAUTHORIZED": "false"}, "require"),
        ("db.example", {"DATABASE_SSL": "false"}, "prefer"),
        ("10.0.0.7", {"DATABASE_SSL": "false"}, "prefer"),
        ("127.0.0.1", {"DATABASE_SSL": "false"}, "disable"),
        ("postgres", {"DATABASE_SSL": "false"}, "disable"),
        ("/run/postgresql", {"DATABASE_SSL": "false"}, "disable"),
        ("db.example", {"DATABASE_SSLMODE": "require"}, "require"),
    ],
)
def test_strapis_tls_settings(host: str, environ: dict[str, str], mode: str | None) -> None:
    settings = read_database_settings(PARTS | {"DATABASE_HOST": host} | environ)
    assert parameters(settings).get("sslmode") == mode


@pytest.mark.parametrize(
    ("query", "mode"),
    [
        ("sslmode=require", "verify-full"),
        ("sslmode=prefer", "verify-full"),
        ("sslmode=verify-ca", "verify-full"),
        ("ssl=true", "verify-full"),
        ("sslmode=no-verify", "require"),
        ("sslmode=verify-full", "verify-full"),
        ("sslmode=disable", "prefer"),
        ("sslmode=require&uselibpqcompat=true", "require"),
    ],
)
def test_a_urls_tls_mode_is_translated_upward(query: str, mode: str) -> None:
    settings = read_database_settings({"DATABASE_URL": f"postgresql://u@db.example/d?{query}"})
    assert parameters(settings)["sslmode"] == mode
    assert settings.notes or mode in query, "what is taken otherwise than written is said"


def test_checking_without_an_authority_uses_the_systems() -> None:
    assert parameters(read_database_settings(PARTS | {"DATABASE_SSL": "true"}))["sslrootcert"] == "system"


@pytest.mark.parametrize("text", [PEM, PEM.replace("\n", "\\n")], ids=["lines", "one line"])
def test_certificates_given_as_text_are_files_while_they_are_needed(text: str) -> None:
    settings = read_database_settings(PARTS | {"DATABASE_SSL": "true", "DATABASE_SSL_CA": text})
    with settings.open_conninfo("test") as conninfo:
        file = Path(str(conninfo_to_dict(conninfo)["sslrootcert"]))
        assert file.read_text() == PEM
        assert file.stat().st_mode & 0o777 == 0o600
    assert not file.exists()
    assert "MIIB" not in repr(settings)


# --- What arrives at the server.


def test_each_session_has_the_limits_and_the_schema(database: str) -> None:
    environ = {"DATABASE_SCHEMA": 'the "content"', "DATABASE_LOCK_TIMEOUT": "1234"}
    with (
        read_database_settings(environ, target=database).open_conninfo("howdah/test") as conninfo,
        psycopg.connect(conninfo) as connection,
    ):
        shown = {
            name: connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
            for name in ("search_path", "lock_timeout", "statement_timeout", "TimeZone", "application_name")
        }
    assert shown == {
        "search_path": ('"the ""content"""',),
        "lock_timeout": ("1234ms",),
        "statement_timeout": ("30s",),
        "TimeZone": ("UTC",),
        "application_name": ("howdah/test",),
    }


# --- The admin port's.


def test_the_admin_port_does_not_leave_this_machine_without_a_token() -> None:
    assert read_admin_settings({}).host == "127.0.0.1"
    for host in ("0.0.0.0", "::", "192.168.1.4", "example.org"):
        with pytest.raises(UsageError) as refused:
            read_admin_settings({"HOWDAH_ADMIN_HOST": host})
        assert refused.value.code == "U-323"
    assert read_admin_settings({"HOWDAH_ADMIN_HOST": "::", "HOWDAH_ADMIN_TOKEN": "x" * 16}).token
    with pytest.raises(UsageError, match="cannot be used"):
        read_admin_settings({"HOWDAH_ADMIN_TOKEN": "short"})


# --- The reference page.

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"


def test_the_reference_page_is_that_of_the_tables() -> None:
    """Renew it with: python -m howdah.service.settings_reference > docs/reference/settings.md"""
    assert REFERENCE.read_text(encoding="utf-8") == render_settings_reference()


def test_every_documented_setting_is_read() -> None:
    """Each is set to nonsense in turn: it is refused, noted, or takes any text."""
    every = [setting for group in DATABASE_VARIABLES.values() for setting in group]
    for setting in every:
        if setting.kind in (Kind.NUMBER, Kind.DURATION, Kind.FLAG) and not setting.no_effect:
            assert setting.name in refusal(PARTS | {setting.name: "nonsense"}).detail
        elif setting.no_effect:
            assert any(
                setting.name in note for note in read_database_settings(PARTS | {setting.name: "1"}).notes
            )
        else:
            assert setting.name not in str(read_database_settings(PARTS).notes)


@pytest.mark.parametrize("group", list(DATABASE_VARIABLES))
def test_documented_defaults_are_those_that_count(group: str) -> None:
    written = {
        setting.name: setting.default
        for setting in DATABASE_VARIABLES[group]
        if setting.default and "×" not in setting.default and not setting.no_effect
    }
    if group == "Server":
        # A name for the default host is that host.
        written.pop("DATABASE_CLIENT")
    without = {"DATABASE_PASSWORD": "x"}
    plain, spelled = read_database_settings(without), read_database_settings(without | written)
    assert parameters(spelled) | {"port": "5432"} == parameters(plain) | {"port": "5432"}
    assert spelled.pool == plain.pool


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({"HOST": "::", "PORT": "80"}, "http://[::]:80"),
        ({"HOST": "api.example"}, "http://api.example:1337"),
        ({"HOST": "::", "PUBLIC_URL": "https://api.example/"}, "https://api.example"),
    ],
)
def test_links_lead_to_where_the_api_listens_unless_told_otherwise(environ: dict[str, str], url: str) -> None:
    assert read_api_settings(environ).public_url == url
