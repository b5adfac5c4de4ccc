"""health and pool advise: the service's database as operators see it from the shell."""

from __future__ import annotations

from typing import Annotated

import typer

from howdah.cli.options import Json, PgBindir
from howdah.cli.output import end, say

HealthTarget = Annotated[
    str | None,
    typer.Argument(
        metavar="[TARGET]",
        show_default=False,
        help="PostgreSQL as URI or keywords, or http://HOST:PORT of an admin port; else DATABASE_*, PG*.",
    ),
]
ServiceTarget = Annotated[
    str | None,
    typer.Argument(
        metavar="[TARGET]",
        show_default=False,
        help="PostgreSQL as URI or keywords; else DATABASE_URL, DATABASE_*, PG*; else embedded.",
    ),
]
Processes = Annotated[
    int,
    typer.Option(
        "--processes",
        min=1,
        max=1000,
        envvar="HOWDAH_PROCESSES",
        help="Processes of the service, each with a pool.",
    ),
]
Cores = Annotated[
    int | None,
    typer.Option(
        "--cores",
        min=1,
        max=4096,
        envvar="HOWDAH_CORES",
        help="Processors of the server, where it is elsewhere.",
    ),
]


def health_command(target: HealthTarget = None, pg_bindir: PgBindir = None, as_json: Json = False) -> None:
    """The checks of the health endpoint; exit status 7 where one fails."""
    from howdah.ops.health import check_health
    from howdah.report.health import render_health

    report = check_health(target, pg_bindir=pg_bindir, announce=say)
    end(report, render_health, as_json=as_json)


def pool_advise(
    target: ServiceTarget = None,
    processes: Processes = 1,
    cores: Cores = None,
    pg_bindir: PgBindir = None,
    as_json: Json = False,
) -> None:
    """Sizes for the service's pools, with the reasons; changes nothing."""
    from howdah.ops.pool import advise_pool
    from howdah.report.health import render_pool_advice

    report = advise_pool(target, processes=processes, cores=cores, pg_bindir=pg_bindir, announce=say)
    end(report, render_pool_advice, as_json=as_json)
