"""``binaries.download``: the programs of activities, fetched before anybody waits for them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import click

from .. import download
from .exits import Exit, Refusal

_AT_ONCE = 5


@click.command("binaries.download")
@click.argument("binaries", nargs=-1, required=True, metavar="NAME=S3_LOCATION...")
def fetch(binaries: tuple[str, ...]) -> int | None:
    """Fetch programs from S3 into SIMPLEFLOW_BINARIES_DIRECTORY, and print where they stand.

    Example: simpleflow binaries.download ffmpeg=s3://my-bucket/tools/ffmpeg-7
    """
    wanted = [_binary(text) for text in binaries]
    failed = False
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for binary, found in [(binary, pool.submit(binary.download)) for binary in wanted]:
            try:
                click.echo(found.result())
            except Exception as error:  # whatever the network, S3 or the disk has to say
                click.echo(f"Error: {binary.name} from {binary.remote_location}: {error}", err=True)
                failed = True
    return Exit.FAILED if failed else None


def _binary(text: str) -> download.RemoteBinary:
    name, _, location = text.partition("=")
    try:
        return download.RemoteBinary(name, location)
    except (ValueError, NotImplementedError) as error:
        raise Refusal(f"{error} Give NAME=s3://<bucket>/<key>.") from None
