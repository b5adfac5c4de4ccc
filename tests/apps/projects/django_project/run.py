"""
A Django project with a field of every kind: `run.py create|fill|dump|insert`.

`create` makes the migrations (once) and applies them; `fill` writes rows through the ORM;
`dump` prints all that the ORM reads, as JSON. EVERY_DATABASE names the database.
"""

from __future__ import annotations

import datetime
import decimal
import json
import sys
import uuid
from pathlib import Path
from typing import Any

from django_site import migrate, run, set_up

HERE = Path(__file__).parent


set_up(HERE, "django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions", "every")

from django.contrib.auth.models import Permission, User  # noqa: E402
from django.contrib.contenttypes.models import ContentType  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from every.models import Every, Note, Parent  # noqa: E402


def create() -> None:
    migrate(HERE, "every")


def fill() -> None:
    parents = [Parent.objects.create(name=name) for name in ("first", "zweiter – ü", "")]
    utc = datetime.UTC
    moments = [
        datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=utc),
        datetime.datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=utc),
        None,
    ]
    for number, moment in enumerate(moments):
        row = Every.objects.create(
            small=-32768 + number,
            whole=2**31 - 1 - number,
            big=2**63 - 1 - number,
            positive=number,
            flag=bool(number % 2),
            maybe=[None, True, False][number],
            price=[decimal.Decimal("0.10"), decimal.Decimal("99999999.99"), decimal.Decimal("-5")][number],
            ratio=[0.1, 1e300, -2.5][number],
            day=[datetime.date(2024, 2, 29), datetime.date(1, 1, 1), None][number],
            at=moment,
            clock=[datetime.time(8, 0), datetime.time(23, 59, 59, 999999), None][number],
            span=[datetime.timedelta(days=1, microseconds=1), datetime.timedelta(microseconds=-1), None][
                number
            ],
            key=[uuid.UUID(int=5), uuid.UUID(int=2**127), None][number],
            document=[{"a": [1, 2.5, None, "ü"], "b": {}}, [], "a string"][number],
            blob=[b"\x00\xff", b"", None][number],
            address=["192.168.0.1", "2001:db8::1", None][number],
            slug=f"slug-{number}",
            text=["line\nline\ttab \\N", "", "x" * 300][number],
            parent=parents[number],
            twin=Every.objects.first(),
        )
        row.friends.set(parents[: number + 1])
    owner = User.objects.create_user("owner", "owner@example.com", "s3cret")
    owner.user_permissions.set(Permission.objects.filter(content_type__app_label="every").order_by("pk")[:3])
    for thing in (parents[0], Every.objects.first(), owner):
        Note.objects.create(about=thing, text=f"about {thing.pk}")
    session = SessionStore(session_key=None)
    session["cart"] = [1, 2, 3]
    session.create()


def dump() -> None:
    rows: dict[str, Any] = {}
    for model in (Parent, Every, Note):
        fields = [field.attname for field in model._meta.concrete_fields]
        rows[model.__name__] = [
            {name: repr(_plain(getattr(row, name))) for name in fields}
            for row in model.objects.order_by("pk")
        ]
    rows["friends"] = [
        sorted(parent.name for parent in every.friends.all()) for every in Every.objects.order_by("pk")
    ]
    rows["notes"] = [repr(note.about) for note in Note.objects.order_by("pk")]
    owner = User.objects.get(username="owner")
    rows["password holds"] = owner.check_password("s3cret")
    rows["permissions"] = sorted(owner.get_all_permissions())
    rows["content types"] = sorted(str(kind.natural_key()) for kind in ContentType.objects.all())
    from django.contrib.sessions.models import Session

    rows["sessions"] = [session.get_decoded() for session in Session.objects.all()]
    rows["by value"] = {
        "json": Every.objects.filter(document__b={}).count(),
        "span": Every.objects.filter(span__gt=datetime.timedelta(0)).count(),
        "price": Every.objects.filter(price=decimal.Decimal("0.10")).count(),
        "doubled": [int(row.doubled) for row in Every.objects.order_by("pk")],
    }
    json.dump(rows, sys.stdout, indent=1, sort_keys=True)


def insert() -> None:
    print(Parent.objects.create(name="afterwards").pk)


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


if __name__ == "__main__":
    run(create=create, fill=fill, dump=dump, insert=insert)
