import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpleflow.exceptions import PayloadGone, PayloadRefused, PayloadWrong
from simpleflow.payloads import jumbo
from simpleflow.payloads.fields import INLINE, Fields
from simpleflow.payloads.jumbo import Location, Reference, Unsent, location
from simpleflow.payloads.limits import LIMITS, JumboTooLargeError
from simpleflow.payloads.objects import StoredObjects
from simpleflow.payloads.stores import FileStore, MemoryStore

BUCKET = location("jumbo-bucket/with/prefix")


def a_door(write: str | None = "memory://here/prefix", read: tuple[str, ...] = (), max_size: int = 5_000_000) -> Fields:
    store = MemoryStore()
    places = tuple(location(text) for text in read)
    objects = StoredObjects({"memory": store, "s3": store, "file": FileStore(places)})
    return Fields(location(write) if write else None, places, max_size, objects)


def objects_of(door: Fields) -> dict[Location, bytes]:
    assert isinstance(door.objects, StoredObjects)
    store = door.objects.stores["memory"]
    assert isinstance(store, MemoryStore)
    return store.objects


# -- references


def test_a_reference_is_written_as_documented() -> None:
    body = b'"' + b"x" * 90_000 + b'"'
    reference = jumbo.named(BUCKET, body)
    assert reference == f"simpleflow+s3://jumbo-bucket/with/prefix/{hashlib.sha256(body).hexdigest()} 90002"
    assert jumbo.reference(reference) == Reference(BUCKET / hashlib.sha256(body).hexdigest(), 90_002)


def test_a_reference_of_an_older_version_is_read() -> None:
    text = "simpleflow+s3://jumbo-bucket/with/optional/prefix/5d7191af-3962-4c67-997a-cdd39a31ba61 3"
    found = jumbo.reference(text)
    assert found is not None and str(found) == text and found.digest is None
    assert found.verified(b"abc") == "abc"
    assert found.verified("äöü".encode()) == "äöü"  # it has counted characters
    for wrong in (b"ab", b"abcd", b"\xff\xfe\xfd"):
        with pytest.raises(PayloadWrong, match="5d7191af"):
            found.verified(wrong)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "simpleflow",
        "simpleflow+",
        "simpleflow+s3://bucket/key",
        "simpleflow+s3://bucket/key 12 ",
        "simpleflow+s3://bucket/key ١٢",
        "simpleflow+s3://bucket/key 1\n",
        "simpleflow+s3://bucket/\x00 1",
        '"simpleflow+s3://bucket/key 12"',
        " simpleflow+s3://bucket/key 12",
        "simpleflow+ is great, version 2",
    ],
)
def test_what_is_no_reference(text: str | None) -> None:
    assert jumbo.reference(text) is None
    assert a_door().fetch(text) == text


@pytest.mark.parametrize(
    "text", ["simpleflow+s3://../key 1", "simpleflow+s3://b/../../key 1", "simpleflow+file://etc/x 1"]
)
def test_a_reference_that_leads_out_of_its_store_is_refused(text: str) -> None:
    with pytest.raises(PayloadRefused, match=r"is refused"):
        jumbo.reference(text)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("bucket", Location("s3", ("bucket",))),
        ("bucket/", Location("s3", ("bucket",))),
        ("s3://bucket/a//b/./c/../d/", Location("s3", ("bucket", "a", "b", "d"))),
        ("file:///var/objects", Location("file", ("var", "objects"))),
        (" memory://x ", Location("memory", ("x",))),
    ],
)
def test_places(text: str, place: Location) -> None:
    assert location(text) == place
    assert location(str(place)) == place


@pytest.mark.parametrize("text", ["", "/", "..", "file://var", "file:///", "s3://", "a\nb"])
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(ValueError):
        location(text)


# -- the door


@pytest.mark.parametrize("field", LIMITS)
def test_what_fits_goes_in_and_the_rest_is_stored(field: str) -> None:
    door, limit = a_door(), LIMITS[field]
    assert door.store(field, "é" * limit) == "é" * limit
    assert objects_of(door) == {}
    long = "é" * (limit + 1)
    stored = door.store(field, long)
    assert stored.startswith("simpleflow+memory://here/prefix/") and stored.endswith(f" {2 * (limit + 1)}")
    assert type(stored) is str and len(stored) <= limit
    assert door.fetch(stored) == long


def test_equal_payloads_are_one_object() -> None:
    door = a_door()
    assert door.store("input", "x" * 50_000) == door.store("result", "x" * 50_000)
    assert len(objects_of(door)) == 1


def test_to_name_stores_nothing() -> None:
    door = a_door()
    named = door.name("input", "x" * 50_000)
    assert isinstance(named, Unsent) and objects_of(door) == {}
    assert door.fetch(named) == "x" * 50_000  # it carries its content
    plain = str(named)
    with pytest.raises(PayloadGone):
        door.fetch(plain)
    body = named.release()
    assert body is not None and named.release() is None
    door.put(named, body)
    assert door.fetch(plain) == door.fetch(named) == "x" * 50_000


def test_without_a_bucket_the_error_says_what_to_set() -> None:
    with pytest.raises(JumboTooLargeError) as caught:
        INLINE.store("control", "x" * 32_769)
    for word in ("control", "32769", "32768", "SIMPLEFLOW_JUMBO_FIELDS_BUCKET"):
        assert word in str(caught.value)


def test_more_than_is_stored_at_all() -> None:
    door = a_door(max_size=40_000)
    assert door.fetch(door.store("input", "x" * 40_000)) == "x" * 40_000
    with pytest.raises(JumboTooLargeError, match=r"even for a jumbo field \(40001 bytes\): input may have 40000\."):
        door.store("input", "x" * 40_001)
    assert door.fitting("details", "x" * 40_001) == "x" * (LIMITS["details"] - 4) + " ..."


def test_a_reference_that_does_not_fit_itself() -> None:
    with pytest.raises(JumboTooLargeError, match=r"signature is longer than reason .*Shorten the prefix"):
        a_door("bucket/" + "p" * 200).name("reason", "x" * 257)


@given(st.text(), st.sampled_from(sorted(LIMITS)), st.sampled_from(["", "simpleflow+", "simpleflow+text:"]))
def test_every_text_comes_back(text: str, field: str, prefix: str) -> None:
    door = a_door()
    for whole in (prefix + text, prefix + text * 500, f"simpleflow+s3://bucket/{text} 9"):
        assert door.fetch(door.store(field, whole)) == whole


def test_a_text_that_looks_like_a_reference_is_none() -> None:
    door = a_door()
    text = "simpleflow+file:///etc/passwd 9"
    stored = door.store("details", text)
    assert jumbo.reference(stored) is None
    assert door.fetch(stored) == text
    assert INLINE.fetch(INLINE.store("reason", text)) == text


@given(st.text(min_size=1), st.text(min_size=1))
def test_the_same_content_is_seen_without_fetching(one: str, other: str) -> None:
    door = Fields(BUCKET)
    long, short = door.name("reason", one * 300), one * 300
    elsewhere = Fields(location("other")).name("reason", one * 300)
    if isinstance(long, Unsent):
        assert jumbo.same_content(str(long), str(elsewhere))
        assert jumbo.same_content(str(long), short)
        assert jumbo.same_content(str(long), other * 300) == (one * 300 == other * 300)
    assert not jumbo.same_content(None, None)
    assert not jumbo.same_content('"a"', '"a"')  # nothing to be found out by a digest


# -- trust


@pytest.mark.parametrize(
    "text",
    [
        "simpleflow+file:///etc/passwd 9",
        "simpleflow+s3://bucket/other/key 9",
        "simpleflow+s3://bucket/prefixed/key 9",
        "simpleflow+s3://bucket/prefix/../key 9",
        "simpleflow+s3://bucket/prefix 9",
        "simpleflow+s3://bucket2/prefix/key 9",
        "simpleflow+memory://bucket/prefix/key 9",
        "simpleflow+ssh://bucket/prefix/key 9",
        "simpleflow+file:///data/objects/../../etc/passwd 9",
    ],
)
def test_references_out_of_the_configured_stores_are_not_followed(text: str) -> None:
    class Untouchable:
        def get(self, reference: Reference) -> str:
            raise AssertionError(f"{reference} was read")

        def put(self, reference: Reference, body: bytes) -> None:
            raise AssertionError

    door = Fields(location("bucket/prefix"), (location("file:///data/objects"),), objects=Untouchable())
    with pytest.raises(PayloadRefused, match="no configured store"):
        door.fetch(text)
    with pytest.raises(PayloadRefused, match="no configured store"):
        INLINE.fetch(text)


def test_further_stores_are_read() -> None:
    door = a_door(read=("memory://elsewhere/old",))
    reference = jumbo.named(location("memory://elsewhere/old/deeper"), b"content")
    objects_of(door)[location("memory://elsewhere/old/deeper") / reference.split("/")[-1].split()[0]] = b"content"
    assert door.fetch(str(reference)) == "content"


def test_a_size_that_is_claimed_is_checked_first() -> None:
    door = a_door(max_size=1000)
    with pytest.raises(PayloadRefused, match="1001 bytes, and SIMPLEFLOW_JUMBO_FIELDS_MAX_SIZE allows 1000"):
        door.fetch(f"simpleflow+memory://here/prefix/{'0' * 64} 1001")


@pytest.mark.parametrize("damage", [b"", b"another", b"conten", b"content!", b"CONTENT", b"\xff" * 7])
def test_content_is_checked(damage: bytes) -> None:
    door = a_door()
    reference = jumbo.named(location("memory://here/prefix"), b"content")
    found = jumbo.reference(reference)
    assert found is not None
    objects_of(door)[found.where] = damage
    with pytest.raises(PayloadWrong):
        door.fetch(str(reference))


# -- files


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "objects"


def a_file_door(root: Path) -> Fields:
    place = location(f"file://{root}")
    return Fields(place, objects=StoredObjects({"file": FileStore([place])}))


def test_files(root: Path) -> None:
    door = a_file_door(root)
    first, second = door.store("input", "x" * 50_000), door.store("input", "x" * 50_000)
    assert first == second and first.startswith(f"simpleflow+file://{root}/")
    (file,) = root.iterdir()
    assert file.read_text() == "x" * 50_000 and file.stat().st_mode & 0o777 == 0o600
    assert door.fetch(first) == "x" * 50_000
    file.write_text("y" * 50_000)
    with pytest.raises(PayloadWrong):
        door.fetch(first)
    door.store("input", "x" * 50_000)  # whoever stores it again mends it
    assert door.fetch(first) == "x" * 50_000
    file.write_text("y")
    with pytest.raises(PayloadWrong, match=r"has 1 bytes, its reference says 50000"):
        door.fetch(first)
    file.unlink()
    with pytest.raises(PayloadGone):
        door.fetch(first)


def test_links_below_the_directory_are_not_followed(root: Path, tmp_path: Path) -> None:
    door = a_file_door(root)
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("secret")
    root.mkdir()
    (root / "key").symlink_to(secret / "key")
    (root / "below").symlink_to(secret)
    for path in ("key", "below/key"):
        with pytest.raises(Exception, match=str(root)) as caught:
            door.fetch(f"simpleflow+file://{root}/{path} 6")
        assert "secret" not in str(caught.value).replace(str(tmp_path), "")


def test_only_regular_files(root: Path) -> None:
    import os

    root.mkdir()
    os.mkfifo(root / "key")
    with pytest.raises(PayloadWrong, match="no regular file"):
        a_file_door(root).fetch(f"simpleflow+file://{root}/key 6")
