from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from store_kit import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path / "service" / "journal.db")
    yield made
    made.close()
