"""Every case begins with both cameras plugged in, and nothing set."""

from __future__ import annotations

import pytest

from tests.camera import vivid


@pytest.fixture(autouse=True)
def _cameras(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("keeps_cameras") is None:
        vivid.restore()
