from __future__ import annotations

import pytest

from simpleflow.process.trees import kill_group, kill_tree


@pytest.mark.parametrize("pid", [0, -1])
def test_nobody_kills_himself(pid: int) -> None:
    """To the kernel 0 is the caller's own group, and -1 everybody."""
    with pytest.raises(ValueError, match="to kill"):
        kill_group(pid)
    with pytest.raises(ValueError, match="to kill"):
        kill_tree(pid)
