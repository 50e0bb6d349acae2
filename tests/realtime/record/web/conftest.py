"""One who visits the page of the ``server`` that a module makes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # it needs aiohttp, and the modules are passed over without
    from steadypose.realtime.record.live.web.server import WebServer
    from tests.support.visitor import Visitor


@pytest.fixture
def visitor(server: WebServer) -> Iterator[Visitor]:
    from tests.support.visitor import Visitor

    found = Visitor(server)
    yield found
    found.close()
