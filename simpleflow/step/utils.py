"""Which steps run. Names are dotted: what is said of ``a`` holds for ``a.b`` too, what is said of ``*`` for all.

Forced steps run although they are done, skipped ones do not run although they are not; forcing beats skipping.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

EVERY = "*"


def _covers(name: str, step_name: str) -> bool:
    return name == EVERY or step_name == name or step_name.startswith(f"{name}.")


def should_force_step(step_name: str, force_steps: Iterable[str]) -> bool:
    """Whether a step is among those to force."""
    return any(_covers(name, step_name) for name in force_steps)


def should_skip_step(step_name: str, skipped_steps: Iterable[str]) -> bool:
    """Whether a step is among those to skip."""
    return any(_covers(name, step_name) for name in skipped_steps)


def step_is_forced(step_name: str, force_steps: Iterable[str], force: bool = False) -> bool:
    """Whether a step runs in any case; ``force`` is what the step says itself."""
    return force or should_force_step(step_name, force_steps)


def step_is_skipped_by_force(
    step_name: str, skipped_steps: Iterable[str], force_steps: Iterable[str] = (), force: bool = False
) -> bool:
    """Whether a step does not run because it was said so."""
    return should_skip_step(step_name, skipped_steps) and not step_is_forced(step_name, force_steps, force)


def step_will_run(
    step_name: str,
    force_steps: Iterable[str] = (),
    skipped_steps: Iterable[str] = (),
    steps_done: Collection[str] = (),
    force: bool = False,
) -> bool:
    """Whether a step runs, all things considered."""
    if step_is_forced(step_name, force_steps, force):
        return True
    return step_name not in steps_done and not should_skip_step(step_name, skipped_steps)


def get_step_force_reasons(step_name: str, reasons: Mapping[str, Iterable[str]]) -> list[str]:
    """Why a step is forced, from the reasons by name of what is to be forced; in order, each once."""
    return sorted({reason for name, given in reasons.items() if _covers(name, step_name) for reason in given})


def get_step_skip_reasons(step_name: str, reasons: Mapping[str, Iterable[str]]) -> list[str]:
    """The same for what is to be skipped."""
    return get_step_force_reasons(step_name, reasons)
