"""
An application on SQLAlchemy with Alembic and a column of every type: `… create|fill|dump`.

EVERY_DATABASE is the URL. `create` is `alembic upgrade head`.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import json
import os
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

_ENV = """
from alembic import context
import sqlalchemy_project as project

with project.ENGINE.begin() as connection:
    context.configure(connection=connection, target_metadata=project.METADATA)
    with context.begin_transaction():
        context.run_migrations()
"""
_REVISION = """
from alembic import op
import sqlalchemy_project as project

revision = "1f3a"
down_revision = None


def upgrade():
    project.METADATA.create_all(op.get_bind())
"""


class Mood(enum.Enum):
    sad = 1
    very_happy = 2


METADATA = sa.MetaData()
PARENTS = sa.Table(
    "parents",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(20), unique=True),
)
EVERY = sa.Table(
    "Every Thing",
    METADATA,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("small", sa.SmallInteger),
    sa.Column("big", sa.BigInteger),
    sa.Column("flag", sa.Boolean, nullable=False),
    sa.Column("price", sa.Numeric(12, 4)),
    sa.Column("ratio", sa.Float),
    sa.Column("double", sa.Double),
    sa.Column("single", sa.REAL),
    sa.Column("name", sa.String(30)),
    sa.Column("code", sa.CHAR(3)),
    sa.Column("text", sa.UnicodeText),
    sa.Column("blob", sa.LargeBinary),
    sa.Column("day", sa.Date),
    sa.Column("at", sa.DateTime),
    sa.Column("at_zone", sa.DateTime(timezone=True)),
    sa.Column("clock", sa.Time),
    sa.Column("span", sa.Interval),
    sa.Column("mood", sa.Enum(Mood)),
    sa.Column("document", sa.JSON),
    sa.Column("key", sa.Uuid),
    sa.Column("parent_id", sa.ForeignKey("parents.id")),
)
ENGINE = sa.create_engine(os.environ["EVERY_DATABASE"])


def create() -> None:
    with tempfile.TemporaryDirectory() as directory:
        versions = Path(directory) / "versions"
        versions.mkdir()
        (Path(directory) / "env.py").write_text(_ENV)
        (versions / "first.py").write_text(_REVISION)
        config = Config()
        config.set_main_option("script_location", directory)
        config.set_main_option("path_separator", "os")
        command.upgrade(config, "head")


def fill() -> None:
    utc = datetime.UTC
    with ENGINE.begin() as connection:
        connection.execute(PARENTS.insert(), [{"name": "one"}, {"name": "zwei – ü"}])
        connection.execute(
            EVERY.insert(),
            [
                {
                    "small": -32768, "big": 2**63 - 1, "flag": True, "price": decimal.Decimal("12345678.1234"),
                    "ratio": 0.1, "double": 1e300, "single": 0.5, "name": "thirty characters at the most!",
                    "code": "abc", "text": "line\nline \\N", "blob": b"\x00\xff", "day": datetime.date(2024, 2, 29),
                    "at": datetime.datetime(2024, 1, 2, 3, 4, 5, 678), "clock": datetime.time(23, 59, 59, 1),
                    "at_zone": datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=utc),
                    "span": datetime.timedelta(days=400, seconds=5, microseconds=7), "mood": Mood.very_happy,
                    "document": {"a": [1, None, "ü"]}, "key": uuid.UUID(int=7), "parent_id": 2,
                },
                {
                    "small": 5, "big": None, "flag": False, "price": decimal.Decimal("-0.0001"), "ratio": -2.0,
                    "double": 3.0, "single": -1.25, "name": "", "code": "x", "text": "", "blob": b"",
                    "day": datetime.date(1, 1, 1), "at": datetime.datetime(9999, 12, 31, 23, 59, 59, 999999),
                    "clock": datetime.time(0), "at_zone": None, "span": datetime.timedelta(microseconds=-1),
                    "mood": Mood.sad, "document": 5, "key": None, "parent_id": None,
                },
                {
                    "small": None, "big": 0, "flag": False, "price": None, "ratio": None, "double": None,
                    "single": None, "name": None, "code": None, "text": None, "blob": None, "day": None,
                    "at": None, "clock": None, "at_zone": None, "span": None, "mood": None,
                    "document": "a string", "key": None, "parent_id": 1,
                },
            ],
        )  # fmt: skip


def dump() -> None:
    def show(value: Any) -> str:
        if isinstance(value, datetime.datetime):
            # SQLite gives no zone back; what it means is UTC.
            value = value.replace(tzinfo=None) if value.tzinfo is None else value.astimezone(datetime.UTC)
            return value.replace(tzinfo=None).isoformat()
        return repr(value).rstrip() if not isinstance(value, str) else repr(value.rstrip())

    with ENGINE.connect() as connection:
        rows = {
            table.name: [
                [show(value) for value in row] for row in connection.execute(sa.select(table).order_by("id"))
            ]
            for table in (PARENTS, EVERY)
        }
        rows["version"] = [
            [str(connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar())]
        ]
    json.dump(rows, sys.stdout, indent=1, sort_keys=True)


if __name__ == "__main__":
    sys.modules["sqlalchemy_project"] = sys.modules["__main__"]
    for action in sys.argv[1:]:
        {"create": create, "fill": fill, "dump": dump}[action]()
