"""What the words of a command name: the domain, the execution, and what else it takes.

With ``--domain`` the words do not begin with a domain. Without it they do, unless leaving it out is the only reading
with enough words and SWF_DOMAIN is set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from .. import settings
from .exits import Refusal


@dataclass(frozen=True, slots=True)
class Shape:
    """The words of a command, by their names in ``--help``: those that it needs and, after them, those it takes.

    Where ``domain_first`` is false, SWF_DOMAIN is preferred to a domain among the words.
    """

    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    domain_first: bool = True

    @property
    def usage(self) -> str:
        return " ".join(["[DOMAIN]", *self.needs, *(f"[{name}]" for name in self.takes)])

    def fits(self, count: int) -> bool:
        return len(self.needs) <= count <= len(self.needs) + len(self.takes)


#: Commands on a domain, on an execution, and on a task of an execution.
DOMAIN = Shape()
EXECUTION = Shape(("WORKFLOW_ID",), ("RUN_ID",))
TASK = Shape(("WORKFLOW_ID", "TASK_ID"), ("RUN_ID",))


@dataclass(frozen=True, slots=True)
class Target:
    """What the words name. ``words`` are all of them but the domain, by their names in the shape.

    ``passed_over`` is SWF_DOMAIN, if it is set and the domain stood among the words.
    """

    domain: str
    words: dict[str, str]
    passed_over: str | None = None

    @property
    def workflow_id(self) -> str:
        return self.words["WORKFLOW_ID"]

    @property
    def run_id(self) -> str | None:
        """As it was given, or unquoted if it was quoted for a URL."""
        given = self.words.get("RUN_ID")
        return unquote(given) if given is not None and "%" in given else given


def read_target(shape: Shape, words: Sequence[str], option: str | None) -> Target:
    """What the words mean, given the value of ``--domain``. Raises Refusal, SettingError."""
    rest = list(words)
    if option:
        if shape.fits(len(rest)):
            return _target(shape, option, rest)
        expected = shape.usage.removeprefix("[DOMAIN]").strip() or "none"
        raise Refusal(f"{_counted(rest)} besides --domain {option}; expected {expected}.")
    variable = settings.SWF_DOMAIN
    with_domain = bool(rest) and shape.fits(len(rest) - 1)
    without = bool(variable) and shape.fits(len(rest))
    if with_domain and (shape.domain_first or not without):
        return _target(shape, rest[0], rest[1:], variable)
    if without:
        return _target(shape, str(variable), rest)
    if shape.fits(len(rest)):
        told = "the domain is missing: give it as the first argument, with --domain, or in SWF_DOMAIN."
        if rest:
            told += f" If {rest[0]!r} is the domain, {shape.needs[len(rest) - 1]} is missing."
        raise Refusal(told)
    raise Refusal(f"{_counted(rest)}; expected {shape.usage}.")


def _target(shape: Shape, domain: str, words: list[str], passed_over: str | None = None) -> Target:
    named = dict(zip(shape.needs + shape.takes, words, strict=False))
    for name, word in (("DOMAIN", domain), *named.items()):
        if not word:
            raise Refusal(f"{name} is empty; expected {shape.usage}.")
    try:
        domain.encode()
    except UnicodeEncodeError:
        raise Refusal(f"the domain {domain!r} is not UTF-8; see --domain and SWF_DOMAIN.") from None
    return Target(domain, named, passed_over)


def _counted(words: list[str]) -> str:
    return f"{len(words)} argument{'' if len(words) == 1 else 's'} given"
