import pytest

from simpleflow import storage
from simpleflow.payloads import s3


@pytest.fixture(autouse=True)
def no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "BUCKET_CACHE", {})
    monkeypatch.setattr(storage, "BUCKET_LOCATIONS_CACHE", {})


@pytest.mark.parametrize(
    ("bucket", "name", "host"),
    [
        ("s3-eu-west-1.amazonaws.com/my-bucket", "my-bucket", "s3-eu-west-1.amazonaws.com"),
        ("amazonaws.com/b", "b", "amazonaws.com"),
    ],
)
def test_a_bucket_with_its_host(bucket: str, name: str, host: str) -> None:
    assert storage.sanitize_bucket_and_host(bucket) == (name, host)
    assert storage.BUCKET_LOCATIONS_CACHE == {}


@pytest.mark.parametrize("bucket", ["a/b/c", "s3.amazonaws.com/b/c", "example.com/b", "evilamazonaws.com/b", "x/"])
def test_what_is_no_bucket(bucket: str) -> None:
    with pytest.raises(ValueError, match="is no bucket; expected"):
        storage.sanitize_bucket_and_host(bucket)


def test_where_a_bucket_is_may_be_a_secret(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(s3, "bucket_region", lambda bucket: None)
    monkeypatch.setenv("SIMPLEFLOW_S3_HOST", "s3.example.com")
    assert storage.sanitize_bucket_and_host("b") == ("b", "s3.example.com")


@pytest.mark.parametrize(
    ("host_or_region", "url"),
    [
        ("https://s3.example.com:9000", "https://s3.example.com:9000"),
        ("s3.example.com", "https://s3.example.com"),
        ("eu-west-1", "https://s3.eu-west-1.amazonaws.com"),
    ],
)
def test_hosts_and_regions(host_or_region: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert storage.get_resource(host_or_region).meta.client.meta.endpoint_url == url
