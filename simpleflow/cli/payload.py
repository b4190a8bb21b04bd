"""``payload.get`` and ``payload.stat``: what stands outside a history."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from ..exceptions import PayloadError, PayloadGone, PayloadRefused
from ..payloads import jumbo
from ..payloads.jumbo import Reference
from ..payloads.objects import fields
from ..settings import SettingError
from .exits import Exit, Refusal, Unknown
from .options import chosen_output, listing_options
from .output import Listing, write

_reference = click.argument("reference", nargs=-1, required=True)


@click.command("payload.get")
@_reference
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write there, not to stdout.",
)
def get(reference: tuple[str, ...], output: Path | None) -> None:
    """Write the payload that REFERENCE, as it stands in a history, refers to; its content is checked.

    The settings of deciders and workers say which stores may be read (SIMPLEFLOW_JUMBO_FIELDS_BUCKET and
    SIMPLEFLOW_JUMBO_FIELDS_READ) and how payloads are decoded (SIMPLEFLOW_PAYLOAD_CODEC). What the payload itself
    refers to is in the place of these references.

    Example: simpleflow payload.get 'simpleflow+s3://jumbo-bucket/5d7191af-3962-4c67-997a-cdd39a31ba61 5242880'
    """
    text = " ".join(reference)
    if not jumbo.begins(text):
        raise _no_reference(text)
    try:
        body = jumbo.content(fields().fetch(text) or "")
    except (PayloadError, SettingError) as error:
        raise _told(error) from None
    if output is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()
        return
    try:
        output.write_bytes(body)
    except OSError as error:
        raise click.ClickException(f"cannot write {output}: {error.strerror}") from None


@click.command("payload.stat")
@_reference
@listing_options()
@click.pass_context
def stat(ctx: click.Context, /, reference: tuple[str, ...], **options: Any) -> int:
    """Tell the store and the size of what REFERENCE refers to, and whether it is there; nothing is downloaded.

    Digest is the SHA-256 that the content has to have; older versions of simpleflow did not write it. Present is false
    for an object of another size, too. The exit code is 3 if it is not present.

    Example: simpleflow payload.stat 'simpleflow+s3://jumbo-bucket/5d7191af-3962-4c67-997a-cdd39a31ba61 5242880'
    """
    text = " ".join(reference)
    try:
        found = jumbo.reference(text)
        if found is None:
            raise _no_reference(text)
        present = _is_present(found)
    except (PayloadError, SettingError) as error:
        raise _told(error) from None
    row = {"Store": str(found.where), "Size": found.size, "Digest": found.digest, "Present": present}
    write(Listing(tuple(row), [row]), chosen_output(ctx, options))
    return Exit.DONE if present else Exit.NOT_FOUND


def _is_present(reference: Reference) -> bool:
    try:
        return reference.fits(fields().length(reference))
    except PayloadGone:
        return False


def _no_reference(text: str) -> Refusal:
    return Refusal(f"{text!r:.200} is no reference; expected one as in histories: simpleflow+s3://bucket/id SIZE.")


def _told(error: Exception) -> click.ClickException:
    if isinstance(error, PayloadGone):
        return Unknown(str(error))
    if isinstance(error, (PayloadRefused, SettingError)):
        return Refusal(str(error))
    return click.ClickException(str(error))
