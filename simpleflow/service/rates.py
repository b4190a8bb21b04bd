"""How often something may be done: a bucket of tokens for each operation and each kind of decision, by region.

Off by default. Each look for a task of a poll that waits counts as a call. Amazon also counts some operations by
workflow; that is not done here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    #: Tokens of a full bucket, each good for one call.
    bucket: int
    #: How fast it fills again.
    per_second: int


def _each(bucket: int, per_second: int, *names: str) -> dict[str, Rate]:
    return dict.fromkeys(names, Rate(bucket, per_second))


#: What Amazon allows an account, by operation and by type of decision.
AMAZON: Mapping[str, Rate] = {
    **_each(2000, 60, "GetWorkflowExecutionHistory", "TerminateWorkflowExecution"),
    **_each(2000, 200, "PollForActivityTask", "PollForDecisionTask", "StartWorkflowExecution"),
    **_each(2000, 200, "RespondActivityTaskCompleted", "RespondActivityTaskFailed", "RespondActivityTaskCanceled"),
    **_each(2000, 200, "RespondDecisionTaskCompleted", "StartTimer"),
    **_each(2000, 160, "RecordActivityTaskHeartbeat"),
    **_each(2000, 30, "SignalWorkflowExecution", "RequestCancelWorkflowExecution"),
    **_each(2000, 6, "DescribeWorkflowExecution", "DescribeWorkflowType", "DescribeActivityType"),
    **_each(2000, 6, "CountOpenWorkflowExecutions", "CountClosedWorkflowExecutions"),
    **_each(200, 48, "ListOpenWorkflowExecutions"),
    **_each(200, 60, "RegisterWorkflowType", "RegisterActivityType"),
    **_each(200, 6, "ListClosedWorkflowExecutions", "ListWorkflowTypes", "ListActivityTypes", "DescribeDomain"),
    **_each(200, 6, "CountPendingActivityTasks", "CountPendingDecisionTasks"),
    **_each(200, 6, "DeleteWorkflowType", "DeprecateWorkflowType", "UndeprecateWorkflowType"),
    **_each(200, 6, "DeleteActivityType", "DeprecateActivityType", "UndeprecateActivityType"),
    **_each(100, 6, "ListDomains", "RegisterDomain", "DeprecateDomain", "UndeprecateDomain"),
    **_each(50, 30, "ListTagsForResource", "TagResource", "UntagResource"),
    **_each(1000, 200, "ScheduleActivityTask"),
    **_each(500, 12, "StartChildWorkflowExecution"),
    **_each(1200, 120, "SignalExternalWorkflowExecution", "RequestCancelExternalWorkflowExecution"),
}


class Buckets:
    def __init__(self, rates: Mapping[str, Rate]) -> None:
        """What has no rate may be done as often as anybody likes."""
        self._rates = rates
        #: Tokens left and the instant of the count, by region and name.
        self._levels: dict[tuple[str, str], tuple[float, int]] = {}

    def take(self, region: str, name: str, now_ms: int) -> bool:
        """Take a token; False if there is none."""
        rate = self._rates.get(name)
        if rate is None:
            return True
        tokens, since_ms = self._levels.get((region, name), (float(rate.bucket), now_ms))
        tokens = min(rate.bucket, tokens + max(0, now_ms - since_ms) * rate.per_second / 1000)
        allowed = tokens >= 1
        self._levels[region, name] = (tokens - allowed, now_ms)
        return allowed
