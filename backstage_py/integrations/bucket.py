"""A bucket of S3, or of a server that speaks as it, through ``boto3``: an extra, imported when first used."""

import base64
import importlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from backstage_py import extras
from backstage_py.errors import ServiceUnavailableError
from backstage_py.model.json import Json

_AT_ONCE = 1000
"""Objects that one request deletes at most."""
_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Place:
    """Which bucket, and how it is reached; what is None comes from where AWS' own programs have it.

    Attributes:
        endpoint: of a server that is not Amazon's.
    """

    bucket: str
    region: str | None = None
    endpoint: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Link:
    """A URL that opens one object for one verb, for a while: whoever has it needs no credentials.

    Attributes:
        headers: that the request must have.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


class Bucket:
    """All methods block, and may be called from several threads.

    Args:
        place: the bucket.
        what: needs it, for the error when the extra is missing.
    """

    def __init__(self, place: Place, what: str) -> None:
        self._place = place
        self._what = what
        self._making = threading.Lock()
        self._made: Json = None

    def put(self, key: str, content: bytes) -> None:
        """Keep an object; it appears whole or not at all."""
        with self._speaking() as client:
            client.put_object(Bucket=self._place.bucket, Key=key, Body=content)

    def get(self, key: str, most: int | None = None) -> bytes | None:
        """Return an object, None when there is none; of a larger one than ``most`` bytes only one more."""
        with self._speaking() as client:
            try:
                answer = client.get_object(Bucket=self._place.bucket, Key=key)
            except client.exceptions.NoSuchKey:
                return None
            with answer["Body"] as body:
                content: bytes = body.read() if most is None else body.read(most + 1)
            return content

    def delete(self, keys: Sequence[str]) -> None:
        """Drop objects, as far as they exist."""
        for start in range(0, len(keys), _AT_ONCE):
            named = {"Objects": [{"Key": key} for key in keys[start : start + _AT_ONCE]], "Quiet": True}
            with self._speaking() as client:
                client.delete_objects(Bucket=self._place.bucket, Delete=named)

    def keys(self, prefix: str) -> list[str]:
        """Return the keys that begin so."""
        return [one["Key"] for page in self._pages(prefix) for one in page.get("Contents") or ()]

    def folders(self, prefix: str) -> list[str]:
        """Return what keys begin with up to the next slash behind a prefix."""
        pages = self._pages(prefix, Delimiter="/")
        return [one["Prefix"] for page in pages for one in page.get("CommonPrefixes") or ()]

    def link(self, key: str, seconds: float) -> Link:
        """Return what reads an object."""
        with self._speaking() as client:
            return Link(client.generate_presigned_url("get_object", self._of(key), round(seconds)))

    def link_to_put(self, key: str, digest: bytes, size: int, seconds: float) -> Link:
        """Return what writes an object, of just this size and SHA-256."""
        told = base64.b64encode(digest).decode()
        with self._speaking() as client:
            asked = self._of(key) | {"ContentLength": size, "ChecksumSHA256": told}
            url = client.generate_presigned_url("put_object", asked, round(seconds))
        return Link(url, {"Content-Length": str(size), "x-amz-checksum-sha256": told})

    def seen_from(self, endpoint: str) -> "Bucket":
        """Return the same bucket by another address."""
        return Bucket(replace(self._place, endpoint=endpoint), self._what)

    def _pages(self, prefix: str, **more: str) -> Iterator[Json]:
        with self._speaking() as client:
            pages = client.get_paginator("list_objects_v2")
            yield from pages.paginate(Bucket=self._place.bucket, Prefix=prefix, **more)

    def _of(self, key: str) -> dict[str, Json]:
        return {"Bucket": self._place.bucket, "Key": key}

    @contextmanager
    def _speaking(self) -> Iterator[Json]:
        """Yield the client; what it raises becomes ours."""
        client = self._client()
        exceptions = importlib.import_module("botocore.exceptions")
        try:
            yield client
        except (exceptions.BotoCoreError, exceptions.ClientError, exceptions.HTTPClientError) as error:
            raise ServiceUnavailableError(f"The bucket '{self._place.bucket}' does not do it: {error}") from error

    def _client(self) -> Json:
        with self._making:
            if self._made is None:
                extras.require(self._what, "s3")
                place = self._place
                # signed as all regions know it; without an endpoint by the region's own name, which no redirect follows
                style = {} if place.endpoint else {"addressing_style": "virtual"}
                config = importlib.import_module("botocore.config").Config(
                    signature_version="s3v4",
                    s3=style,
                    connect_timeout=_SECONDS / 3,
                    read_timeout=_SECONDS,
                    max_pool_connections=16,
                    retries={"mode": "standard", "total_max_attempts": 3},
                    request_checksum_calculation="when_required",  # which servers of others may not know
                    response_checksum_validation="when_required",
                )
                self._made = (
                    importlib.import_module("boto3")
                    .session.Session()
                    .client(
                        "s3",
                        region_name=place.region,
                        endpoint_url=place.endpoint,
                        aws_access_key_id=place.access_key_id,
                        aws_secret_access_key=place.secret_access_key,
                        config=config,
                    )
                )
            return self._made
