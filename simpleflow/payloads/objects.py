"""Follows references: from the cache of this machine, or from the store that they name, and never unchecked."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping
from dataclasses import dataclass

from .. import settings
from ..exceptions import PayloadRefused, PayloadWrong
from ..settings import SettingError
from . import coding
from .fields import Fields
from .jumbo import Location, Reference, location
from .stores import MEMORY, Copies, FileStore, Store

_SCHEMES = ("s3", "file", "memory")


@dataclass(frozen=True, slots=True)
class StoredObjects:
    """``stores`` by the scheme of their references."""

    stores: Mapping[str, Store]
    cache: Copies | None = None

    def get(self, reference: Reference) -> str:
        cache, digest = self._cache_of(reference), reference.digest
        if cache is not None and digest is not None:
            body = cache.get(digest)
            if body is not None:
                try:
                    return reference.verified(body)
                except PayloadWrong:
                    cache.drop(digest)
        body = self._store(reference).get(reference)
        text = reference.verified(body)
        if cache is not None and digest is not None:
            cache.put(digest, body)
        return text

    def length(self, reference: Reference) -> int:
        return self._store(reference).length(reference)

    def put(self, reference: Reference, body: bytes) -> None:
        self._store(reference).put(reference, body)
        cache, digest = self._cache_of(reference), reference.digest
        if cache is not None and digest is not None:
            cache.put(digest, body)

    def _cache_of(self, reference: Reference) -> Copies | None:
        """Only what is far away is worth a copy."""
        return self.cache if reference.where.scheme == "s3" else None

    def _store(self, reference: Reference) -> Store:
        try:
            return self.stores[reference.where.scheme]
        except KeyError:
            raise PayloadRefused(f"there is no store for {reference.where}.") from None


def fields() -> Fields:
    """The door to the fields as the settings of this moment have it. Raises SettingError."""
    bucket, read = settings.SIMPLEFLOW_JUMBO_FIELDS_BUCKET, settings.SIMPLEFLOW_JUMBO_FIELDS_READ
    return _fields(
        bucket or "",
        read or "",
        settings.SIMPLEFLOW_JUMBO_FIELDS_MAX_SIZE,
        (settings.SIMPLEFLOW_ENABLE_DISK_CACHE, settings.SIMPLEFLOW_CACHE_DIR),
        settings.SIMPLEFLOW_PAYLOAD_CODEC or "",
    )


@functools.lru_cache(maxsize=16)
def _fields(bucket: str, read: str, max_size: int, cache: tuple[bool, str | None], codec: str) -> Fields:
    """``cache`` is what the cache depends on; it is made only where there is something to cache."""
    write = _configured("SIMPLEFLOW_JUMBO_FIELDS_BUCKET", bucket) if bucket.strip() else None
    further = tuple(_configured("SIMPLEFLOW_JUMBO_FIELDS_READ", text) for text in read.split(",") if text.strip())
    places = (*((write,) if write else ()), *further)
    stores: dict[str, Store] = {
        "file": FileStore([place for place in places if place.scheme == "file"]),
        "memory": MEMORY,
    }
    cached: Copies | None = None
    if any(place.scheme == "s3" for place in places):
        far = importlib.import_module("simpleflow.payloads.far")
        stores["s3"], cached = far.S3Store(), far.open_cache()
    return Fields(write, further, max_size, StoredObjects(stores, cached), coding.load(codec) if codec else None)


def _configured(setting: str, text: str) -> Location:
    try:
        place = location(text)
    except ValueError as error:
        raise SettingError(f"{setting}: {error}") from None
    if place.scheme not in _SCHEMES:
        raise SettingError(f"{setting} names {place}; a store is one of {', '.join(_SCHEMES)}.")
    return place
