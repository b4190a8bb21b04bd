"""``workflow.history``: the events of an execution, or what they add up to."""

from __future__ import annotations

import importlib

import click

from ..replay.work import Event
from .calling import Call, swf_command
from .events import attributes, events
from .output import Listing, Row
from .targets import EXECUTION, Shape
from .times import instant


@swf_command("workflow.history", Shape(EXECUTION.needs, EXECUTION.takes, domain_first=False))
@click.option(
    "-o",
    "--of",
    "--output-format",
    "form",
    type=click.Choice(("events", "raw", "cooked")),
    default="raw",
    show_default=True,
    help="Events as SWF has them (raw), events with their payloads decoded, or the state of each task (cooked).",
)
@click.option("--reverse-order", type=bool, default=False, show_default=True, help="Whether the newest event is first.")
def history(call: Call, form: str, reverse_order: bool) -> Listing:
    """Print the history of an execution. It takes the domain from SWF_DOMAIN if it can.

    A payload that stands outside the history shows as its reference. What --format jsonl (or json) prints of the raw
    events is a copy of the history that workflow.replay reads.

    Example: simpleflow --format jsonl workflow.history --domain TestDomain basic-example-1438722273
    """
    if form == "raw":
        return Listing(_RAW, map(_row, events(call, reverse_order)), map(_whole, events(call, reverse_order)))
    reading = importlib.import_module("simpleflow.cli.read_history")  # raw events begin without it
    listing: Listing = reading.FORMS[form](call, reverse_order)
    return listing


_RAW = ("eventId", "eventTimestamp", "eventType", "attributes")


def _row(event: Event) -> Row:
    return {
        "eventId": event["eventId"],
        "eventTimestamp": instant(event["eventTimestamp"]),
        "eventType": event["eventType"],
        "attributes": attributes(event),
    }


def _whole(event: Event) -> Row:
    return {**event, "eventTimestamp": instant(event["eventTimestamp"])}
