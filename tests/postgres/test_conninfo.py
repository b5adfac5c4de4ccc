"""Connection strings: accepted as libpq does, shown without secrets, refused without quoting them."""

from __future__ import annotations

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from howdah.errors import UsageError
from howdah.postgres.conninfo import format_conninfo, format_url, parse_target, redact, secrets_in

CANARY = "C4n4ry-S3cret"


@pytest.mark.parametrize(
    "scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+asyncpg", "POSTGRES"]
)
def test_the_schemes_of_other_libraries_are_understood(scheme: str) -> None:
    target = parse_target(f"{scheme}://u:{CANARY}@db.example:6432/app?sslmode=require", environ={})
    assert conninfo_to_dict(target.conninfo) == {
        "user": "u",
        "password": CANARY,
        "host": "db.example",
        "port": "6432",
        "dbname": "app",
        "sslmode": "require",
    }
    assert target.redacted == "postgresql://u@db.example:6432/app"
    assert CANARY not in repr(target)


def test_parameters_of_prisma_are_left_out_and_named() -> None:
    target = parse_target("postgresql://u@h/d?schema=app&connection_limit=5&sslmode=prefer", environ={})
    assert conninfo_to_dict(target.conninfo) == {"user": "u", "host": "h", "dbname": "d", "sslmode": "prefer"}
    assert target.ignored == ("schema", "connection_limit")


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://u:{CANARY} x@h/d",
        f"postgresql://u:{CANARY}%zz@h/d",
        f"postgresql://u:{CANARY}@h/d?nonsense=1",
        f"postgresql://u:{CANARY}@h:notaport/d",
        f"postgresql://u:a@{CANARY}@h/d",
        f"postgresql://u:a@b@{CANARY}@h:5432/d",
        f"postgresql://u:@@{CANARY}@h/d",
        f"postgresql://u:5432/{CANARY}@h/d",
        f"postgresql://u:{CANARY}@[::1/d",
        f"password={CANARY} {CANARY}",
        f"password='{CANARY}",
        f"passwort={CANARY}",
        CANARY,
        f"mysql://u:{CANARY}@h/d",
        f"sqlite:///{CANARY}.db",
        f"file:{CANARY}.db",
    ],
)
def test_what_cannot_be_read_is_refused_without_a_piece_of_it(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_target(text)
    assert CANARY not in str(refused.value)
    assert CANARY not in repr(refused.value.__cause__) + repr(refused.value.__context__)


@pytest.mark.parametrize(
    ("text", "host", "dbname"),
    [
        ("postgresql://u:p%40q@h/d", "h", "d"),
        ("postgresql://u:p%40q@h/d%40e", "h", "d@e"),
        ("postgresql://u:p@h/d@e", "h", "d@e"),
        ("postgresql://@h/d", "h", "d"),
        ("host=@abstract dbname=d@e", "@abstract", "d@e"),
    ],
)
def test_an_at_sign_where_it_belongs_is_read(text: str, host: str, dbname: str) -> None:
    parameters = conninfo_to_dict(parse_target(text, environ={}).conninfo)
    assert (parameters["host"], parameters["dbname"]) == (host, dbname)


def test_psycopg_would_have_shown_the_password() -> None:
    # The reason for reading connection strings ourselves; when this fails, the reason is gone.
    with pytest.raises(psycopg.Error, match=CANARY):
        psycopg.connect(f"postgresql+asyncpg://u:{CANARY}@h/d")


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("host=/run/postgresql", True),
        ("dbname=x", True),
        ("postgresql:///x", True),
        ("postgresql://localhost/x", True),
        ("postgresql://127.0.0.5/x", True),
        ("postgresql://[::1]/x", True),
        ("postgresql://10.0.0.5/x", False),
        ("postgresql://localhost,db.example/x", False),
        ("host=localhost hostaddr=10.0.0.5", False),
        ("service=prod", False),
        ("postgresql://localhost.example/x", False),
    ],
)
def test_a_target_knows_whether_it_is_on_this_machine(text: str, local: bool) -> None:
    assert parse_target(text, environ={}).local is local


def test_what_the_target_leaves_open_comes_from_the_environment_and_is_shown() -> None:
    target = parse_target("dbname=app", environ={"PGHOST": "db.example", "PGUSER": "u"})
    assert target.redacted == "postgresql://u@db.example/app"
    assert not target.local


def test_the_same_server_with_another_database_keeps_everything_else() -> None:
    other = parse_target(f"postgresql://u:{CANARY}@h:1/d?sslmode=require").with_database("e f")
    assert conninfo_to_dict(other.conninfo) == {
        "user": "u",
        "password": CANARY,
        "host": "h",
        "port": "1",
        "dbname": "e f",
        "sslmode": "require",
    }


_texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)


@given(_texts, _texts)
def test_any_password_and_name_survive_both_forms(password: str, dbname: str) -> None:
    parameters = {"host": "/run/x", "user": "u", "password": password, "dbname": dbname, "port": "5433"}
    assert conninfo_to_dict(format_conninfo(parameters)) == parameters
    assert conninfo_to_dict(format_url(parameters)) == parameters
    assert secrets_in(format_conninfo(parameters)) == (password,)


@given(_texts.filter(lambda text: "*" not in text), _texts)
def test_redacted_text_holds_no_secret(secret: str, rest: str) -> None:
    assert secret not in redact(f"{rest}{secret}{rest}", [secret])


def test_a_percent_encoded_secret_is_redacted_too() -> None:
    assert redact("postgresql://u:a%2Fb%20c@h", ["a/b c"]) == "postgresql://u:***@h"


def test_a_secret_with_quotes_is_redacted_as_a_whole_and_nothing_else() -> None:
    assert redact(format_conninfo({"password": "pa'"}), ["pa'"]) == "password='***'"
    assert redact("C:\\here", ["'"]) == "C:\\here"
