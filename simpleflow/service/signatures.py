"""AWS Signature Version 4, seen from the side that checks it."""

from __future__ import annotations

import calendar
import functools
import hashlib
import hmac
import re
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, quote

from .faults import Fault, unrecognized_client

_ALGORITHM = "AWS4-HMAC-SHA256"
_SERVICE = "swf"
_TOLERANCE_S = 300
_CORAL = "com.amazon.coral.service#"
#: What a signature must cover: where the request goes, when, and what it asks for.
_COVERED = {"host", "x-amz-date", "x-amz-target"}
_FIELD = re.compile(r"(Credential|SignedHeaders|Signature)=([^,\s]+)")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SCOPE = "/".join([f"({_NAME.pattern})"] * 4)
_CREDENTIAL = re.compile(rf"{_ALGORITHM} +Credential={_SCOPE}/aws4_request(?![^,\s])")

Headers = Mapping[str, str]


class Scope(NamedTuple):
    """Whose signature it is and for when and where it is good."""

    access_key: str
    date: str
    region: str
    service: str

    def __str__(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


class Authorization(NamedTuple):
    scope: Scope
    signed_headers: tuple[str, ...]
    signature: str


class KeyFileError(Exception):
    """The file of access keys cannot be used; the message says why and what to do."""


def read_keys(path: Path) -> dict[str, str]:
    """Secrets by access key from a file of lines `ACCESS_KEY SECRET`; raises KeyFileError."""
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise KeyFileError(f"Others may read the access keys in {path}: run `chmod 600 {path}`")
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFileError(f"Cannot read the access keys in {path}: {error}") from error
    keys: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2 or not _NAME.fullmatch(words[0]):
            raise KeyFileError(f"Line {number} of {path} is not of the form `ACCESS_KEY SECRET`")
        if words[0] in keys:
            raise KeyFileError(f"Line {number} of {path} gives a second secret to {words[0]}: keep one of the two")
        keys[words[0]] = words[1]
    if not keys:
        raise KeyFileError(f"There are no access keys in {path}: write lines of the form `ACCESS_KEY SECRET`")
    return keys


def read_authorization(header: str | None) -> Authorization | None:
    """The parts of an Authorization header of Signature Version 4; None when it is none."""
    if header is None or not header.startswith(_ALGORITHM):
        return None
    fields = dict(_FIELD.findall(header[len(_ALGORITHM) :]))
    scope = read_credential(header)
    if scope is None or len(fields) != 3:
        return None
    return Authorization(scope, tuple(fields["SignedHeaders"].split(";")), fields["Signature"])


def read_credential(header: str) -> Scope | None:
    """The credential of an Authorization header of Signature Version 4; None when it has none."""
    found = _CREDENTIAL.match(header)
    return None if found is None else Scope(*found.groups())


def verify(
    keys: Mapping[str, str], method: str, path: str, query: bytes, headers: Headers, body: bytes, now_s: float
) -> Scope:
    """The scope of a request that is signed as it should be; raises the fault that SWF answers otherwise.

    `headers` have lower-case names; `now_s` is wall time in seconds.
    """
    if "authorization" not in headers:
        raise Fault(_CORAL + "MissingAuthenticationTokenException", "The request is not signed")
    authorization = read_authorization(headers["authorization"])
    if authorization is None:
        raise Fault(_CORAL + "IncompleteSignatureException", "The Authorization header is not of Signature Version 4")
    scope = authorization.scope
    secret = keys.get(scope.access_key)
    if secret is None:
        raise unrecognized_client()
    if not set(authorization.signed_headers) >= _COVERED:
        raise _mismatch(f"The signature must cover the headers {', '.join(sorted(_COVERED))}")
    _check_date(scope, headers.get("x-amz-date", ""), now_s)
    canonical = _canonical_request(method, path, query, headers, authorization.signed_headers, body)
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = "\n".join((_ALGORITHM, headers["x-amz-date"], str(scope), digest))
    key = _signing_key(secret, scope.date, scope.region, scope.service)
    expected = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    if scope.service != _SERVICE or not hmac.compare_digest(expected.encode(), authorization.signature.encode()):
        raise _mismatch("The signature of the request is not the one that the secret key makes: check the secret key")
    return scope


def _check_date(scope: Scope, text: str, now_s: float) -> None:
    try:
        signed_s = calendar.timegm(time.strptime(text, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        raise _mismatch("The header x-amz-date must be like 20260131T235959Z") from None
    if text[:8] != scope.date:
        raise _mismatch(f"The credential is for {scope.date}, the request is of {text}")
    if abs(now_s - signed_s) > _TOLERANCE_S:
        raise _mismatch(f"The signature of {text} is more than {_TOLERANCE_S} seconds away from now: check the clocks")


def _mismatch(message: str) -> Fault:
    return Fault(_CORAL + "InvalidSignatureException", message)


def _canonical_request(
    method: str, path: str, query: bytes, headers: Headers, signed: tuple[str, ...], body: bytes
) -> str:
    pairs = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in parse_qsl(query.decode("ascii", "replace"), keep_blank_values=True)
    )
    lines = [
        method,
        quote(path, safe="/-_.~"),
        "&".join(f"{name}={value}" for name, value in pairs),
        *(f"{name}:{' '.join(headers.get(name, '').split())}" for name in signed),
        "",
        ";".join(signed),
        hashlib.sha256(body).hexdigest(),
    ]
    return "\n".join(lines)


@functools.lru_cache(maxsize=64)
def _signing_key(secret: str, *parts: str) -> bytes:
    key = ("AWS4" + secret).encode()
    for part in (*parts, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
