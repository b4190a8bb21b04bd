"""The 39 operations of Amazon SWF, in a table."""

from __future__ import annotations

from . import domains, executions, listing, tasks
from .desk import Answer, Desk, Operation, Request
from .types import TYPE_OPERATIONS

__all__ = ["OPERATIONS", "Answer", "Desk", "Operation", "Request"]

OPERATIONS: dict[str, Operation] = {
    "RegisterDomain": domains.register_domain,
    "DescribeDomain": domains.describe_domain,
    "ListDomains": domains.list_domains,
    "DeprecateDomain": domains.deprecate_domain,
    "UndeprecateDomain": domains.undeprecate_domain,
    "ListTagsForResource": domains.list_tags_for_resource,
    "TagResource": domains.tag_resource,
    "UntagResource": domains.untag_resource,
    **TYPE_OPERATIONS,
    "StartWorkflowExecution": executions.start_workflow_execution,
    "SignalWorkflowExecution": executions.signal_workflow_execution,
    "RequestCancelWorkflowExecution": executions.request_cancel_workflow_execution,
    "TerminateWorkflowExecution": executions.terminate_workflow_execution,
    "DescribeWorkflowExecution": executions.describe_workflow_execution,
    "GetWorkflowExecutionHistory": executions.get_workflow_execution_history,
    "ListOpenWorkflowExecutions": listing.list_open_workflow_executions,
    "ListClosedWorkflowExecutions": listing.list_closed_workflow_executions,
    "CountOpenWorkflowExecutions": listing.count_open_workflow_executions,
    "CountClosedWorkflowExecutions": listing.count_closed_workflow_executions,
    "PollForDecisionTask": tasks.poll_for_decision_task,
    "RespondDecisionTaskCompleted": tasks.respond_decision_task_completed,
    "CountPendingDecisionTasks": tasks.count_pending_decision_tasks,
    "PollForActivityTask": tasks.poll_for_activity_task,
    "RecordActivityTaskHeartbeat": tasks.record_activity_task_heartbeat,
    "RespondActivityTaskCompleted": tasks.respond_activity_task_completed,
    "RespondActivityTaskFailed": tasks.respond_activity_task_failed,
    "RespondActivityTaskCanceled": tasks.respond_activity_task_canceled,
    "CountPendingActivityTasks": tasks.count_pending_activity_tasks,
}
