"""The driver: what it costs to look for garbage."""

from __future__ import annotations

import gc

import pytest

from simpleflow.local.driver import rare_collections


@pytest.mark.parametrize("usual, meanwhile", [((700, 10, 10), 10_000), ((50_000, 5, 5), 50_000), ((0, 10, 10), 0)])
def test_collections_are_rare_for_a_while(usual: tuple[int, int, int], meanwhile: int) -> None:
    before = gc.get_threshold()
    try:
        gc.set_threshold(*usual)
        with pytest.raises(ZeroDivisionError), rare_collections():
            assert gc.get_threshold() == (meanwhile, *usual[1:])
            raise ZeroDivisionError
        assert gc.get_threshold() == usual
    finally:
        gc.set_threshold(*before)
