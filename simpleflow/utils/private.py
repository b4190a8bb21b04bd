"""Directories whose files can be trusted, because nobody else could have put them there."""

from __future__ import annotations

import os
import stat


def problem_of(directory: str, own: int) -> str | None:
    """Why a directory is not, and cannot be made, one that the user ``own`` alone can write and read; None if it is."""
    try:
        try:
            os.mkdir(directory, 0o700)
        except FileExistsError:
            pass
        found = os.lstat(directory)
        if not stat.S_ISDIR(found.st_mode):
            return "is no directory"
        if found.st_uid != own:
            return f"belongs to the user {found.st_uid}"
        if found.st_mode & 0o022:
            return "could be written by others"
        if stat.S_IMODE(found.st_mode) != 0o700:
            os.chmod(directory, 0o700)
        return None
    except OSError as error:
        return f"cannot be used: {error.strerror}"


def first_private(candidates: list[str], own: int) -> tuple[str | None, str]:
    """The first directory that is private, or None and what is wrong with each."""
    problems = []
    for directory in candidates:
        problem = problem_of(directory, own)
        if problem is None:
            return directory, ""
        problems.append(f"{directory} {problem}")
    return None, "; ".join(problems)
