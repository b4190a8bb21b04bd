"""The test kit: workflows in a test, on a virtual clock, under faults, and against histories of yesterday."""

from ..exceptions import NotCompleted
from .cluster import Cluster, ClusterFailure, prove
from .environment import WorkflowEnvironment
from .execution import Execution
from .histories import replay
from .standins import Call, StandIn

__all__ = [
    "Call",
    "Cluster",
    "ClusterFailure",
    "Execution",
    "NotCompleted",
    "StandIn",
    "WorkflowEnvironment",
    "prove",
    "replay",
]
