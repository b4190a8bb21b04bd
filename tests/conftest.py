"""What all tests share: hypothesis draws the same examples every time, however slow the machine.

``--hypothesis-profile=explore`` draws others, ``--hypothesis-profile=long`` draws others for a long time.
"""

import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.register_profile("long", deadline=None, max_examples=5000, suppress_health_check=list(HealthCheck))
settings.load_profile("repeatable")

# the package `support`
sys.path.insert(0, str(Path(__file__).parent))
