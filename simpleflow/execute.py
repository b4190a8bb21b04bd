"""Code that runs in a process of its own: Python functions and classes under any interpreter, and other programs.

``python`` starts ``<interpreter> -m simpleflow.execute <module.name>``. Arguments, result and error go through files
that only the two processes share, so nothing that the code prints gets mixed up with its result.
"""

from __future__ import annotations

import argparse
import functools
import inspect
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import IO, Any

import psutil

from . import log, settings
from .activity import current_context
from .exceptions import ExecutionError, ExecutionTimeoutError
from .payloads import codec
from .process.forks import forks_end_here
from .process.signals import signal_name
from .process.trees import kill_tree
from .tracebacks import failure_data
from .utils import full_object_name, import_from_module

logger = logging.getLogger(__name__)

__all__ = [
    "RequiredArgument",
    "format_arguments",
    "format_arguments_json",
    "get_name",
    "main",
    "program",
    "python",
    "wait_subprocess",
]

#: What the two processes share a file for.
_SHARED = ("arguments-json", "result", "error")

#: Seconds that the descendants of an executed function have to end when they are told to.
_CHILDREN_GRACE = 0.3


class RequiredArgument:
    """The default of a parameter of a ``program`` that has to be given all the same."""


def get_name(func: Callable[..., Any]) -> str:
    """``module.name``, by which another process finds ``func``. Raises ValueError where none could."""
    name = full_object_name(func)
    if func.__module__ == "__main__" or "<" in name:
        raise ValueError(f"another process cannot import {name}; define it at the top of a module that has a name.")
    return name


# -- programs


def format_arguments(*args: Any, **kwargs: Any) -> list[str]:
    """``-k="v"`` or ``--key="v"`` for each keyword argument, then the positional ones."""
    options = [f'{"-" if len(key) == 1 else "--"}{key}="{value}"' for key, value in kwargs.items()]
    return options + [str(arg) for arg in args]


def format_arguments_json(*args: Any, **kwargs: Any) -> str:
    """One argument: the JSON of ``{"args": […], "kwargs": {…}}``."""
    return codec.encode({"args": args, "kwargs": kwargs})


def program(
    path: str | None = None, argument_format: Callable[..., list[str] | str] = format_arguments
) -> Callable[[Callable[..., Any]], Callable[..., str]]:
    """Make a function that calls the program ``path`` (by default the one of its name); its value is what that prints.

    The body of the decorated function is not used, its signature is what may be given. Calls raise TypeError for
    arguments that do not fit it, ``subprocess.CalledProcessError`` if the program fails, FileNotFoundError if there
    is none.
    """

    def wrap(func: Callable[..., Any]) -> Callable[..., str]:
        signature = inspect.signature(func)
        command = path or func.__name__

        @functools.wraps(func)
        def execute(*args: Any, **kwargs: Any) -> str:
            _check(func, signature, args, kwargs)
            given = argument_format(*args, **kwargs)
            return subprocess.check_output([command, *([given] if isinstance(given, str) else given)], text=True)

        return execute

    return wrap


def _check(func: Callable[..., Any], signature: inspect.Signature, args: Any, kwargs: Any) -> None:
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    missing = [name for name, value in bound.arguments.items() if value is RequiredArgument]
    if missing:
        raise TypeError(f"{func.__name__}() needs a value for {', '.join(missing)}.")


# -- Python, the parent's side


def python(
    interpreter: str = "python",
    logger_name: str = __name__,
    timeout: float | None = None,
    kill_children: bool = False,
    env: Mapping[str, str] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function, or a class with ``execute``, run in a process of its own.

    ``interpreter`` is a command; ``"python"`` means the one that runs this process. After ``timeout`` seconds the
    process is ended and ExecutionTimeoutError raised. With ``kill_children`` whatever the code has started ends with
    it. ``env``, where given, is the whole environment, as for subprocess; ``{**os.environ, "NAME": "value"}`` adds.
    What the code raises arrives as ExecutionError, whose argument is the JSON of error, message and traceback;
    ``logger_name`` is the logger of the new process that tells it.
    """

    command = [sys.executable if interpreter == "python" else interpreter, "-m", "simpleflow.execute"]
    options = ["--logger-name", logger_name, *(["--kill-children"] if kill_children else [])]

    def wrap(func: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(func, updated=())
        def execute(*args: Any, **kwargs: Any) -> Any:
            name, environment = get_name(func), os.environ if env is None else env
            with _files(environment) as files:
                _write(files["arguments-json"], {"args": args, "kwargs": kwargs, "context": current_context.get()})
                fds = {f"--{what}-fd": file.fileno() for what, file in files.items()}
                given = [f"{option}={fd}" for option, fd in fds.items()]
                with subprocess.Popen(
                    [*command, name, *options, *given], pass_fds=list(fds.values()), env=environment
                ) as process:
                    try:
                        status = wait_subprocess(process, timeout, name)
                    except BaseException:
                        kill_tree(process.pid)
                        raise
                return _outcome(name, status, _read(files["result"]), _read(files["error"]))

        execute.in_own_process = True  # type: ignore[attr-defined]  # the new process looks for what is inside
        return execute

    return wrap


def wait_subprocess(process: subprocess.Popen[Any], timeout: float | None = None, command_info: Any = None) -> int:
    """The exit status of ``process``. After ``timeout`` seconds it is ended and ExecutionTimeoutError raised."""
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.terminate()
        try:
            process.wait(settings.ACTIVITY_SIGTERM_WAIT_SEC)
        except subprocess.TimeoutExpired:
            kill_tree(process.pid)
        raise ExecutionTimeoutError(command=str(command_info or process.args), timeout_value=timeout) from None


@contextmanager
def _files(environment: Mapping[str, str]) -> Iterator[dict[str, IO[bytes]]]:
    """Files without a name, where the environment of the new process says that such files go."""
    place = next((environment[name] for name in ("TMPDIR", "TEMP", "TMP") if environment.get(name)), None)
    with ExitStack() as stack:
        yield {name: stack.enter_context(tempfile.TemporaryFile(dir=place)) for name in _SHARED}


def _write(file: IO[bytes], value: Any) -> None:
    file.write(codec.encode(value).encode())
    file.seek(0)


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def _outcome(name: str, status: int, result: str, error: str) -> Any:
    if error:
        raise ExecutionError(error)
    if status or not result:
        how = signal_name(-status) if status < 0 else f"exit code {status}"
        told = {"error": "ExecutionError", "message": f"the process of {name} died: {how}", "traceback": ""}
        raise ExecutionError(codec.encode(told))
    return codec.decode(result)


# -- Python, the side of the new process


def main() -> None:
    """What ``python -m simpleflow.execute`` does. Exits with 0, or with 1 after the function has raised."""
    asked = _parser().parse_args()
    log.setup_logging()
    try:
        if asked.kill_children:
            signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
        text = _take(asked.arguments_json_fd) if asked.arguments_json_fd is not None else asked.arguments
        given = json.loads(text)
        args, kwargs = given.get("args", ()), given.get("kwargs", {})
        context = given.get("context") or (json.loads(asked.context) if asked.context else None)
        with forks_end_here():
            value = _called(_target(asked.name), context, args, kwargs)
        answer = codec.encode(value)
    except BaseException as error:
        if isinstance(error, SystemExit) and asked.kill_children and error.code == 128 + signal.SIGTERM:
            raise
        logging.getLogger(asked.logger_name).error("%s: %s: %s", asked.name, type(error).__name__, error)
        _give(asked.error_fd, codec.encode(failure_data(error)), sys.stderr)
        sys.exit(1)
    else:
        _give(asked.result_fd, answer, sys.stdout)
    finally:
        if asked.kill_children:
            _end_children()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simpleflow.execute", description="Call one function by its name.")
    parser.add_argument("name", help="module.name of the function, or of a class with execute()")
    parser.add_argument("arguments", nargs="?", default="{}", help='JSON: {"args": […], "kwargs": {…}}')
    parser.add_argument("--context", help="JSON of the context of an activity")
    parser.add_argument("--logger-name", default=__name__)
    parser.add_argument("--kill-children", action="store_true", help="end the processes that it leaves behind")
    for name in _SHARED:
        parser.add_argument(f"--{name}-fd", type=int, help="file descriptor, instead of the standard streams")
    return parser


def _take(descriptor: int) -> str:
    with os.fdopen(descriptor, encoding="utf-8") as file:
        return file.read()


def _give(descriptor: int | None, text: str, otherwise: IO[str]) -> None:
    if descriptor is None:
        print(text, file=otherwise)
        return
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _target(name: str) -> Any:
    """What the decorator ``python`` was put on; the object of that name itself if it was not."""
    found = layer = import_from_module(name)
    while layer is not None:
        if getattr(layer, "in_own_process", False):
            return layer.__wrapped__
        layer = getattr(layer, "__wrapped__", None)
    return found


def _called(target: Any, context: dict[str, Any] | None, args: Any, kwargs: dict[str, Any]) -> Any:
    current_context.set(context)
    if not isinstance(target, type):
        return target(*args, **kwargs)
    instance = target(*args, **kwargs)
    instance.context = context
    return instance.execute()


def _end_children() -> None:
    children = psutil.Process().children(recursive=True)
    for child in children:
        child.terminate()
    for child in psutil.wait_procs(children, timeout=_CHILDREN_GRACE)[1]:
        kill_tree(child.pid)


if __name__ == "__main__":
    main()
