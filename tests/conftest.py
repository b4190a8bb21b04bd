"""What all tests share: hypothesis draws the same examples every time, however slow the machine.

``--hypothesis-profile=explore`` draws others, ``long`` others for a long time (add ``--timeout=0``); ``quick``
draws few and shrinks nothing.
"""

import sys
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.register_profile("long", deadline=None, max_examples=5000, suppress_health_check=list(HealthCheck))
settings.register_profile("quick", derandomize=True, deadline=None, max_examples=40, phases=[Phase.generate])
settings.load_profile("repeatable")

# the package `support`
sys.path.insert(0, str(Path(__file__).parent))
