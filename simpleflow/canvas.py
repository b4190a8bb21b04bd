"""Groups and chains: tasks that run beside each other or one after the other.

A container is a description and can be submitted more than once; what happens to its members is kept by its future.
All members get their numbers when the container is submitted, in tree order; those of a chain start later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from .activity import Activity
from .base import Submittable, SubmittableContainer
from .exceptions import AggregateException
from .executor import Executor, Startable
from .futures import CANCELLED, FINISHED, PENDING, RUNNING, Future, Mirror
from .task import ActivityTask, ChildWorkflowTask


def _is_workflow(thing: Any) -> bool:
    # canvas cannot know the class Workflow, which stands above it
    return isinstance(thing, type) and hasattr(thing, "run") and hasattr(thing, "continue_as_new")


def as_member(thing: Any, /, *args: Any, **kwargs: Any) -> Any:
    """The task for something that can stand in a container or be submitted. Raises TypeError, ValueError."""
    if isinstance(thing, Submittable | SubmittableContainer):
        if args or kwargs:
            raise ValueError(f"{thing!r} has its arguments already; these cannot be added: {args!r} {kwargs!r}")
        return thing
    if isinstance(thing, Activity):
        return ActivityTask(thing, *args, **kwargs)
    if _is_workflow(thing):
        return ChildWorkflowTask(thing, *args, **kwargs)
    raise TypeError(f"cannot submit {thing!r}: expected an activity, a Workflow class, a task, a group or a chain.")


_NOT_MADE: Any = object()


class _CompositeFuture(Future[Any]):
    """What the futures of groups and chains share: ``futures`` are the members that have been started, in order."""

    def __init__(self, activities: list[Any], workflow: Any, bubbles_exception_on_failure: bool) -> None:
        executor: Executor = workflow.executor
        super().__init__(executor)
        self.activities = activities
        self.workflow = workflow
        self.bubbles_exception_on_failure = bubbles_exception_on_failure
        self.futures: list[Future[Any]] = []
        self._members: list[Startable] = [executor.prepare(activity) for activity in activities]
        self._advancing = False
        self._stopped = False
        self._asked = False
        self._made: Any = _NOT_MADE

    @property
    def future(self) -> Future[Any]:
        return self

    @property
    def state(self) -> str:
        if self.done:
            return self._state
        return RUNNING if any(f.running for f in self.futures) else PENDING

    @property
    def count_finished_activities(self) -> int:
        return sum(1 for f in self.futures if f.finished)

    @property
    def _result(self) -> Any:
        """The results so far, None where there is none; or what ``sync_result`` of old code has put there."""
        if self._made is not _NOT_MADE:
            return self._made
        return [f._get_answer() if f.finished else None for f in self.futures]

    @_result.setter
    def _result(self, value: Any) -> None:
        self._made = value

    def payload(self) -> Any:
        if type(self).sync_result is not _CompositeFuture.sync_result or self._has_own_result():
            return self._get_answer()  # the author says what the result is
        return None if self.cancelled else [f.payload() for f in self.futures]

    def cancel(self) -> bool:
        if self._state == FINISHED:
            return False
        self._stopped = True
        for member in self.futures:
            member.cancel()
        if not self.done:
            self.set_cancelled()
        return True

    def sync_result(self) -> Any:
        """The value once all members are done: the list of their results. For custom futures to override."""
        return self._result

    def _get_value(self) -> Any:
        if not self.finished:
            return None
        if self._made is _NOT_MADE:
            made = self.sync_result()
            if self._made is _NOT_MADE:
                self._made = made
        return self._made

    def _has_own_result(self) -> bool:
        return type(self).result is not Future.result

    def _get_answer(self) -> Any:
        return self.result if self._has_own_result() and self.finished and self.failure is None else self._get_value()

    def _start_member(self, *extra: Any) -> Future[Any]:
        member = self._members[len(self.futures)]
        self.futures.append(member.future)
        member.start(*extra)
        return member.future

    def _inside(self) -> list[Future[Any]]:
        self._asked = True
        return self.futures

    def _take_failure(self, member: Future[Any]) -> None:
        if self._asked:
            member._ask()
        if member.failure is not None and self.failure is None:
            self.failure = member.failure
            if not self.done:
                self._notify()

    def _complete(self) -> None:
        exceptions = [f._exception for f in self.futures]
        if self.bubbles_exception_on_failure and any(e is not None for e in exceptions):
            self._exception = AggregateException(exceptions)
        self._finish(FINISHED)


class GroupFuture(_CompositeFuture):
    """The future of a group: the list of the members' results."""

    def __init__(
        self,
        activities: list[Any],
        workflow: Any,
        max_parallel: int | None = None,
        bubbles_exception_on_failure: bool = True,
    ) -> None:
        super().__init__(activities, workflow, bubbles_exception_on_failure)
        self.max_parallel = max_parallel
        self._extra: tuple[Any, ...] = ()
        self._open = 0
        self._ended = 0

    def start(self, *extra: Any) -> None:
        self._extra = extra
        self._advance()

    def _advance(self) -> None:
        if self._advancing:
            return
        self._advancing = True
        while len(self.futures) < len(self._members) and not self._stopped:
            if self.max_parallel and self._open >= self.max_parallel:
                break
            self._open += 1
            self._start_member(*self._extra).add_callback(self._member_changed)
        self._advancing = False
        if self._ended == len(self._members) and not self.done:
            self._complete()

    def _member_changed(self, member: Future[Any]) -> None:
        self._take_failure(member)
        if not member.done:
            return
        self._open -= 1
        self._ended += 1
        if member._state == CANCELLED and not self.done:
            self.set_cancelled()
        self._advance()


class ChainFuture(GroupFuture):
    """The future of a chain: the list of the results up to the last member that ran."""

    def __init__(
        self,
        activities: list[Any],
        workflow: Any,
        bubbles_exception_on_failure: bool = True,
        send_result: bool = False,
        break_on_failure: bool = True,
    ) -> None:
        super().__init__(activities, workflow, bubbles_exception_on_failure=bubbles_exception_on_failure)
        self.send_result = send_result
        self.break_on_failure = break_on_failure

    def start(self, *extra: Any) -> None:
        self._advance(*extra)

    def _advance(self, *extra: Any) -> None:
        if self._advancing:
            return
        self._advancing = True
        while not self.done and not self._stopped:
            last = self.futures[-1] if self.futures else None
            if last is not None:
                if not last.done:
                    break
                if last.cancelled:
                    self.set_cancelled()
                    break
                if last._exception is not None and self.break_on_failure:
                    self._complete()
                    break
                extra = (last,) if self.send_result else ()
            if len(self.futures) == len(self._members):
                self._complete()
                break
            self._start_member(*extra).add_callback(self._member_changed)
        self._advancing = False

    def _member_changed(self, member: Future[Any]) -> None:
        self._take_failure(member)
        if member.done:
            self._advance()


class FuncFuture(Mirror):
    """The future of a FuncGroup inside a group or chain: ends as what the function produces does."""

    def __init__(self, group: FuncGroup, executor: Executor) -> None:
        super().__init__(executor)
        self._group = group
        self._executor = executor
        self._scope = executor.scope()
        with executor.raising(group.raises_on_failure) as raises:
            self._raises = raises

    @property
    def future(self) -> Future[Any]:
        return self

    def start(self, *extra: Any) -> None:
        def produce() -> None:
            if self.done:  # cancelled before its turn
                return
            try:
                product = self._group.produce(self._executor, self._scope, self._raises, extra)
            except (Exception, SystemExit) as error:  # raised where the result is asked for
                if not self.done:
                    self._executor.fail_future(self, error)
                return
            if self.done:  # cancelled while the function waited
                return
            if product is None:
                self.follow(_finished(self._executor))
            else:
                self.follow(product.future)
                product.start()

        self._executor.call_author(produce)

    def cancel(self) -> bool:
        return super().cancel() if self._original is None else self._original.cancel()


def _finished(executor: Executor) -> Future[Any]:
    future: Future[Any] = Future(executor)
    future.set_finished(None)
    return future


class Group(SubmittableContainer):
    """Members that run beside each other, at most ``max_parallel`` at a time.

    ``raises_on_failure``, where given, replaces that of the members. With ``bubbles_exception_on_failure`` the
    future's ``exception`` is an AggregateException if a member failed.
    """

    default_future_class: type[Any] = GroupFuture

    def __init__(
        self,
        *activities: Any,
        max_parallel: int | None = None,
        raises_on_failure: bool | None = None,
        bubbles_exception_on_failure: bool = True,
        future_class: type[GroupFuture] | None = None,
    ) -> None:
        if max_parallel is not None and (not isinstance(max_parallel, int) or max_parallel < 1):
            raise ValueError(f"max_parallel is {max_parallel!r}; it is a number from 1 up, or None for no limit.")
        self.max_parallel = max_parallel
        self.raises_on_failure = raises_on_failure
        self.bubbles_exception_on_failure = bubbles_exception_on_failure
        self.future_class: type[Any] = future_class or self.default_future_class
        self.activities: list[Any] = []
        self.extend(activities)

    def append(self, submittable: Any, /, *args: Any, **kwargs: Any) -> None:
        """Add an activity or Workflow class with its arguments, a task, a container, or a tuple ``(thing, *args)``."""
        if isinstance(submittable, tuple) and submittable:
            submittable, *given = submittable
            args = (*given, *args)
        self.activities.append(as_member(submittable, *args, **kwargs))

    def extend(self, iterable: Iterable[Any]) -> None:
        for member in iterable:
            self.append(member)

    def __iadd__(self, iterable: Iterable[Any]) -> Any:
        self.extend(iterable)
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self.activities)}>"

    def prepare(self, executor: Executor) -> Startable:
        with executor.raising(self.raises_on_failure):
            future: Startable = self.future_class(
                list(self.activities), executor.workflow, self.max_parallel, self.bubbles_exception_on_failure
            )
        return future


class Chain(Group):
    """Members that run one after the other.

    With ``send_result`` the result of each is the last positional argument of the next (of each member of a group, of
    the first of a chain; timers, markers and signals take none). With ``break_on_failure`` a member that failed is the
    last one to run.
    """

    default_future_class = ChainFuture

    def __init__(
        self,
        *activities: Any,
        send_result: bool = False,
        break_on_failure: bool = True,
        raises_on_failure: bool | None = None,
        bubbles_exception_on_failure: bool | None = None,
        future_class: type[ChainFuture] | None = None,
    ) -> None:
        if send_result and not break_on_failure:
            raise ValueError("send_result needs break_on_failure: a member that failed has no result to send.")
        if bubbles_exception_on_failure is None:
            bubbles_exception_on_failure = raises_on_failure is not False
        self.send_result = send_result
        self.break_on_failure = break_on_failure
        super().__init__(
            *activities,
            raises_on_failure=raises_on_failure,
            bubbles_exception_on_failure=bubbles_exception_on_failure,
            future_class=future_class,
        )

    def prepare(self, executor: Executor) -> Startable:
        with executor.raising(self.raises_on_failure):
            future: Startable = self.future_class(
                list(self.activities),
                executor.workflow,
                bubbles_exception_on_failure=self.bubbles_exception_on_failure,
                send_result=self.send_result,
                break_on_failure=self.break_on_failure,
            )
        return future


class FuncGroup(SubmittableContainer):
    """A function that says, when its turn comes, what to submit: a task, group or chain.

    The function may wait for futures. It may return None if ``_allow_none`` is true. Its tasks are numbered below the
    FuncGroup's own number. ``raises_on_failure``, where given, is that of what it returns, not of what it submits.
    """

    def __init__(
        self,
        func: Callable[..., Any],
        /,
        *args: Any,
        raises_on_failure: bool | None = None,
        _allow_none: bool = False,
        **kwargs: Any,
    ) -> None:
        self.func = func
        self.args = args
        self.kwargs = kwargs
        self.raises_on_failure = raises_on_failure
        self._allow_none = _allow_none
        self.activities: Any = None

    def prepare(self, executor: Executor) -> Startable:
        return FuncFuture(self, executor)

    def produce(
        self, executor: Executor, scope: str, raises: bool | None, extra: tuple[Future[Any], ...] = ()
    ) -> Startable | None:
        """Call the function and number its product. Raises TypeError if that cannot be submitted."""
        with executor.within(scope):
            product = self.func(*self.args, *(f.result for f in extra), **self.kwargs)
            self.activities = product
            if product is None and self._allow_none:
                return None
            if not isinstance(product, Submittable | SubmittableContainer):
                raise TypeError(f"the function of a FuncGroup returns a task, a group or a chain, not {product!r}.")
            with executor.raising(raises):
                return executor.prepare(product)

    def __repr__(self) -> str:
        return f"<FuncGroup {getattr(self.func, '__name__', self.func)}>"
