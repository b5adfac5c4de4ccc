"""A server of one's own to stop and start again, and settings of the service that lead to a server."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from howdah.postgres.embedded import EmbeddedServer, start_embedded
from howdah.service.database_settings import DatabaseSettings, read_database_settings


@dataclass
class OwnServer:
    """A server that a test may stop; it is running again when the next one begins."""

    directory: Path
    bindir: Path

    def start(self) -> EmbeddedServer:
        return start_embedded(
            self.directory,
            bindir=self.bindir,
            durable=False,
            settings={"shared_buffers": "32MB"},
            end_with_parent=True,
        )

    def stop(self, mode: str = "fast") -> None:
        self.start().stop(mode=mode)

    def restart(self, mode: str = "fast") -> None:
        self.stop(mode)
        self.start()

    @property
    def settings(self) -> DatabaseSettings:
        return settings_for(self.start().conninfo())


def settings_for(conninfo: str, **pool: Any) -> DatabaseSettings:
    """Settings as the environment of a service would give them, with a pool of this shape."""
    settings = read_database_settings({}, target=conninfo)
    return replace(settings, pool=replace(settings.pool, **pool))
