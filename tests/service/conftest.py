"""A server that the tests of the service may stop and start again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.service import OwnServer


@pytest.fixture(scope="session")
def _own_server(server_bindir: Path) -> Iterator[OwnServer]:
    with tempfile.TemporaryDirectory(prefix="howdah-own-", ignore_cleanup_errors=True) as directory:
        own = OwnServer(directory=Path(directory) / "pg", bindir=server_bindir)
        own.start()
        yield own
        own.stop("immediate")


@pytest.fixture
def own_server(_own_server: OwnServer) -> OwnServer:
    """A server that may be stopped, running."""
    _own_server.start()
    return _own_server
