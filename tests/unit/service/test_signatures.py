"""Signatures against botocore's own signer."""

from __future__ import annotations

import calendar
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from simpleflow.service.faults import Fault
from simpleflow.service.signatures import KeyFileError, read_authorization, read_keys, verify

KEYS = {"AKIDONE": "secret/one+", "AKIDTWO": "secret two"}
TARGET = "SimpleWorkflowService.ListDomains"


class Signed:
    """A request signed by botocore, whose parts a test may then change."""

    def __init__(
        self, key: str = "AKIDONE", secret: str | None = None, url: str = "http://127.0.0.1:7933/", **headers: str
    ) -> None:
        self.body = b'{"registrationStatus":"REGISTERED"}'
        request = AWSRequest("POST", url, {"X-Amz-Target": TARGET, "Host": "127.0.0.1:7933", **headers}, self.body)
        SigV4Auth(Credentials(key, KEYS[key] if secret is None else secret), "swf", "eu-west-1").add_auth(request)
        self.headers = {name.lower(): value for name, value in request.headers.items()}
        self.date = self.headers["x-amz-date"]
        self.method, self.path, self.query = "POST", "/", b""

    def verify(self, late_s: float = 0, keys: dict[str, str] = KEYS) -> Any:
        now = calendar.timegm(time.strptime(self.date, "%Y%m%dT%H%M%SZ")) + late_s
        return verify(keys, self.method, self.path, self.query, self.headers, self.body, now)

    def refusal(self, late_s: float = 0) -> str:
        with pytest.raises(Fault) as caught:
            self.verify(late_s)
        assert caught.value.status == 400
        return caught.value.code


@pytest.mark.parametrize("key", KEYS)
def test_what_botocore_signs_is_good(key: str) -> None:
    scope = Signed(key).verify()
    assert (scope.access_key, scope.region) == (key, "eu-west-1")


def test_headers_with_odd_spaces_and_a_query() -> None:
    signed = Signed(url="http://127.0.0.1:7933/?b=2&a=x%20y&a=%2F", **{"X-Amz-Odd": "  a   b  "})
    signed.query = b"b=2&a=x%20y&a=%2F"
    signed.verify()
    signed.query = b"b=2&a=x%20y"
    assert signed.refusal() == "InvalidSignatureException"


def test_a_wrong_secret() -> None:
    assert Signed(secret="guess").refusal() == "InvalidSignatureException"


def test_an_unknown_key() -> None:
    with pytest.raises(Fault) as caught:
        Signed().verify(keys={"AKIDTWO": "x"})
    assert caught.value.code == "UnrecognizedClientException"


@pytest.mark.parametrize(
    "change",
    [
        {"body": b"{}"},
        {"method": "PUT"},
        {"path": "/other"},
        {"query": b"a=1"},
    ],
)
def test_a_changed_request(change: dict[str, Any]) -> None:
    signed = Signed()
    for name, value in change.items():
        setattr(signed, name, value)
    assert signed.refusal() == "InvalidSignatureException"


@pytest.mark.parametrize("header", ["host", "x-amz-target", "x-amz-date"])
def test_a_changed_header(header: str) -> None:
    signed = Signed()
    signed.headers[header] = "20200101T000000Z" if header == "x-amz-date" else "other"
    assert signed.refusal() == "InvalidSignatureException"


@pytest.mark.parametrize("header", ["host", "x-amz-target", "x-amz-date"])
def test_a_header_that_is_not_covered(header: str) -> None:
    signed = Signed()
    value = signed.headers["authorization"]
    names = value.split("SignedHeaders=")[1].split(",")[0]
    rest = ";".join(name for name in names.split(";") if name != header)
    signed.headers["authorization"] = value.replace(names, rest)
    with pytest.raises(Fault, match="must cover the headers host, x-amz-date, x-amz-target"):
        signed.verify()


@pytest.mark.parametrize("late_s", [301, -301])
def test_a_stale_date(late_s: float) -> None:
    assert Signed().refusal(late_s) == "InvalidSignatureException"


def test_a_date_within_five_minutes() -> None:
    Signed().verify(300)
    Signed().verify(-300)


def test_no_signature() -> None:
    signed = Signed()
    del signed.headers["authorization"]
    assert signed.refusal() == "MissingAuthenticationTokenException"


@pytest.mark.parametrize(
    "header",
    [
        "Basic eDp5",
        "AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=1",
        "AWS4-HMAC-SHA256 Credential=a/20200101/r/swf/aws4_request, Signature=1",
        "AWS4-HMAC-SHA256 Credential=a/20200101/../swf/aws4_request, SignedHeaders=host, Signature=1",
        "AWS4-HMAC-SHA256",
    ],
)
def test_half_a_signature(header: str) -> None:
    assert read_authorization(header) is None
    signed = Signed()
    signed.headers["authorization"] = header
    assert signed.refusal() == "IncompleteSignatureException"


def test_a_signature_for_another_service() -> None:
    signed = Signed()
    signed.headers["authorization"] = signed.headers["authorization"].replace("/swf/", "/s3/")
    assert signed.refusal() == "InvalidSignatureException"


# -- the file of keys ----------------------------------------------------------------------------


def key_file(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_keys_are_read(tmp_path: Path) -> None:
    path = key_file(tmp_path / "keys", "# ours\n\nAKIDONE  s3cr+t/=\nAKIDTWO other\n")
    assert read_keys(path) == {"AKIDONE": "s3cr+t/=", "AKIDTWO": "other"}


def test_keys_that_others_may_read_are_refused(tmp_path: Path) -> None:
    path = key_file(tmp_path / "keys", "A b", 0o640)
    with pytest.raises(KeyFileError, match=f"run `chmod 600 {path}`"):
        read_keys(path)


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "There are no access keys"),
        ("A", "Line 1 of"),
        ("A b\nA:b c", "Line 2 of"),
        ("A b\nB c\nA d", "Line 3 of .* gives a second secret to A: keep one"),
    ],
)
def test_files_that_hold_no_keys(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(KeyFileError, match=words):
        read_keys(key_file(tmp_path / "keys", text))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="Cannot read the access keys"):
        read_keys(tmp_path / "keys")
