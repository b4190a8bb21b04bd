"""What becomes of a failed attempt: the author is asked, if there is something to ask, else the retry policy."""

from __future__ import annotations

from typing import Any

from ..task import TaskFailureContext
from . import failures
from .calls import whole_seconds
from .state import Record

_VERDICTS: dict[TaskFailureContext.Decision, failures.Verdict] = {
    TaskFailureContext.Decision.abort: failures.Fail(),
    TaskFailureContext.Decision.cancel: failures.Cancel(),
}


def judge(run: Any, call: Any, record: Record) -> None:
    """An attempt has failed: ask the author, if there is something to ask, else the retry policy."""
    seed = f"{run.run_id} {record.key[1]} {call.failed_attempts}"
    verdict = failures.default_verdict(
        call.task.payload.retry, call.failed_attempts, failures.exception_of(record, run.fetch_told), seed
    )
    if "on_task_failure" in run.hooks:
        run.in_fiber(lambda: run.guarded(call.future, lambda: _ask(run, call, record, verdict)))
    else:
        call.follow_verdict(record, verdict)


def _ask(run: Any, call: Any, record: Record, default: failures.Verdict) -> None:
    context = failures.failure_context(call, record, run)
    context = run.workflow.on_task_failure(context) or context
    decision = context.Decision
    if context.decision is decision.none:
        verdict = default
    elif context.decision in (decision.retry_now, decision.retry_later):
        later = context.decision is decision.retry_later
        text = run.text_of(call.edited(context.a_task), "")
        wait = context.retry_wait_timeout if later else None
        verdict = failures.Retry(whole_seconds(f"the retry of {call.key[1]!r}", wait or 0), text)
    elif context.decision is decision.handled:
        verdict = failures.Follow(context.future or run.submit(context.a_task))
    elif context.decision is decision.ignore:
        future = context.future
        verdict = failures.Ignore(future.result if future is not None and future.finished else None)
    elif context.decision in _VERDICTS:
        verdict = _VERDICTS[context.decision]
    else:
        raise ValueError(f"on_task_failure decided {context.decision!r}; use one of the decide_ methods.")
    call.follow_verdict(record, verdict)
