"""The way to SWF through a proxy: botocore knows them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, HTTPClientError
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

from .direct import CONNECT_TIMEOUT


def proxies_for(url: str) -> dict[str, str]:
    """The proxies of the environment, by scheme; none where NO_PROXY says so."""
    found: dict[str, str] = get_environ_proxies(url)
    return found


class Proxied:
    """botocore's session, one for each timeout."""

    def __init__(self, url: str, proxies: dict[str, str], ca_bundle: str | None) -> None:
        self._url = url if urlsplit(url).path else f"{url}/"
        self._proxies = proxies
        self._verify = ca_bundle or True
        self._sessions: dict[float, Any] = {}
        self._over = False

    def post(self, headers: dict[str, str], body: bytes, timeout: float) -> tuple[int, bytes]:
        if self._over:
            raise ConnectionAbortedError("nothing is asked any more")
        if timeout not in self._sessions:
            timeouts = (CONNECT_TIMEOUT, timeout)
            self._sessions[timeout] = URLLib3Session(self._verify, self._proxies, timeouts)
        request = AWSRequest("POST", self._url, headers=headers, data=body).prepare()
        try:
            answer = self._sessions[timeout].send(request)
        except (BotoCoreError, HTTPClientError) as error:
            raise OSError(str(error)) from error
        return answer.status_code, answer.content

    def hang_up(self) -> None:
        self._over = True

    def close(self) -> None:
        for session in self._sessions.values():
            session.close()
