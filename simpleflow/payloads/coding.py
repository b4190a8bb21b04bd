"""Codecs of the user, such as encryption: what they make of a text stands in fields and objects in its place.

A coded text stands behind ``simpleflow+code:``, as base64. So histories may be mixed: a codec can be switched on while
executions run, and what was written before is read as it is.
"""

from __future__ import annotations

import base64
import functools
from typing import Any, Protocol

from ..exceptions import PayloadUnavailable, PayloadWrong
from ..settings import SettingError
from ..utils import import_from_module
from .jumbo import PREFIX

MARK = f"{PREFIX}code:"


class PayloadCodec(Protocol):
    """Named by SIMPLEFLOW_PAYLOAD_CODEC: an object, a module, or a class that is called without arguments.

    ``decode(encode(data)) == data`` in every process. ``encode`` need not give the same twice. What they raise counts
    as a fault of the outside world: a decider tries the decision again, an activity fails.
    """

    def encode(self, data: bytes) -> bytes: ...

    def decode(self, data: bytes) -> bytes: ...


@functools.lru_cache(maxsize=16)
def load(path: str) -> PayloadCodec:
    """The codec at a dotted path. Raises SettingError."""
    try:
        found: Any = import_from_module(path)
        codec: PayloadCodec = found() if isinstance(found, type) else found
    except (Exception, SystemExit) as error:
        raise SettingError(f"SIMPLEFLOW_PAYLOAD_CODEC is {path!r}: {type(error).__name__}: {error}") from error
    if not (callable(getattr(codec, "encode", None)) and callable(getattr(codec, "decode", None))):
        raise SettingError(
            f"SIMPLEFLOW_PAYLOAD_CODEC is {path!r}, but that has no encode(bytes) and decode(bytes); "
            "name an object that has both."
        )
    return codec


def coded(codec: PayloadCodec, text: str) -> str:
    """Raises PayloadUnavailable."""
    try:
        return MARK + base64.b64encode(codec.encode(text.encode("utf-8", "surrogatepass"))).decode()
    except Exception as error:
        raise _failed(codec, "encode", error) from error


def decoded(codec: PayloadCodec | None, text: str) -> str:
    """What stands behind MARK. Raises PayloadUnavailable, PayloadWrong."""
    if codec is None:
        raise PayloadUnavailable(
            "a payload is encoded, and this process has no codec; set SIMPLEFLOW_PAYLOAD_CODEC as where it was written."
        )
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise PayloadWrong("an encoded payload is no base64: no codec has written this.") from None
    try:
        return codec.decode(data).decode("utf-8", "surrogatepass")
    except Exception as error:
        raise _failed(codec, "decode", error) from error


def _failed(codec: PayloadCodec, deed: str, error: Exception) -> PayloadUnavailable:
    name = getattr(codec, "__name__", type(codec).__name__)
    return PayloadUnavailable(
        f"the codec {name} of SIMPLEFLOW_PAYLOAD_CODEC cannot {deed} a payload: {type(error).__name__}: {error}"
    )
