"""AWS Signature Version 4 of our own requests.

botocore signs any request of any service, in 0.17 ms. Ours differ in their body and two headers; that takes a tenth.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Protocol
from urllib.parse import urlsplit

_ALGORITHM = "AWS4-HMAC-SHA256"
_PORTS = {"http": 80, "https": 443}


class Keys(Protocol):
    """``botocore.credentials.ReadOnlyCredentials``."""

    @property
    def access_key(self) -> str: ...
    @property
    def secret_key(self) -> str: ...
    @property
    def token(self) -> str | None: ...


class Signer:
    """Signs POST requests to one address, which has no query. ``clock`` gives the seconds since 1970."""

    def __init__(self, url: str, region: str, service: str, clock: Callable[[], float] = time.time) -> None:
        parts = urlsplit(url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
        default = parts.port in (None, _PORTS.get(parts.scheme))
        self._host = host if default else f"{host}:{parts.port}"
        self._path = parts.path or "/"
        self._region = region
        self._service = service
        self._clock = clock
        self._secret = ("", "")  # the date and the key for which there is a signing key
        self._signing_key = b""

    def headers(self, headers: dict[str, str], body: bytes, keys: Keys) -> dict[str, str]:
        """The headers of a request with its date and signature."""
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._clock()))
        date = moment[:8]
        signed = {**headers, "Host": self._host, "X-Amz-Date": moment}
        if keys.token:
            signed["X-Amz-Security-Token"] = keys.token
        fields = sorted((name.lower(), value) for name, value in signed.items())
        names = ";".join(name for name, _ in fields)
        lines = "".join(f"{name}:{value}\n" for name, value in fields)
        request = f"POST\n{self._path}\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
        scope = f"{date}/{self._region}/{self._service}/aws4_request"
        text = f"{_ALGORITHM}\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(self._key(date, keys.secret_key), text.encode(), "sha256").hex()
        signed["Authorization"] = (
            f"{_ALGORITHM} Credential={keys.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        )
        return signed

    def _key(self, date: str, secret: str) -> bytes:
        if self._secret != (date, secret):
            key = f"AWS4{secret}".encode()
            for part in (date, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._secret, self._signing_key = (date, secret), key
        return self._signing_key
