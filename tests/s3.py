"""A server that speaks S3 (moto), behind a gate that holds links to what they were signed for.

Amazon's server does that, moto does not: signature, signed headers, time, and the digest of what is put.
"""

import base64
import hashlib
import hmac
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, quote

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

REGION = "eu-central-1"
SECRET = "only the service knows this"
Environ = dict[str, Any]


@dataclass
class Server:
    """One server.

    Attributes:
        ahead: how much later it is there.
        breaks: how many of the next answers to links break off in the middle.
        seen: verb, path and range of the requests that came with a link, and were let in.
        puts: paths of what the service put.
    """

    url: str = ""
    ahead: timedelta = timedelta()
    breaks: int = 0
    seen: list[tuple[str, str, str]] = field(default_factory=list)
    puts: list[str] = field(default_factory=list)
    app: Callable[..., Iterable[bytes]] = field(default_factory=lambda: DomainDispatcherApplication(create_backend_app))

    @cached_property
    def client(self) -> Any:
        """A client with the service's credentials."""
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="service",
            aws_secret_access_key=SECRET,
        )

    def new_bucket(self, name: str) -> None:
        self.client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})

    def objects(self, bucket: str) -> dict[str, bytes]:
        """What is in a bucket."""
        client = self.client
        listed = client.list_objects_v2(Bucket=bucket).get("Contents") or ()
        found = {}
        for one in listed:
            with client.get_object(Bucket=bucket, Key=one["Key"])["Body"] as body:
                found[one["Key"]] = body.read()
        return found

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        query = dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True))
        if "X-Amz-Signature" not in query:
            if "HTTP_AUTHORIZATION" not in environ:
                return Response("AccessDenied", 403)(environ, start)
            if method == "PUT":
                self.puts.append(path)
            return self.app(environ, start)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if problem := self._problem(environ, query, body):
            return Response(problem, 403)(environ, start)
        self.seen.append((method, path, environ.get("HTTP_RANGE", "")))
        environ["wsgi.input"] = _Body(body)
        if self.breaks and method == "GET":
            self.breaks -= 1
            return _half(self.app(environ, start))
        return self.app(environ, start)

    def _problem(self, environ: Environ, query: dict[str, str], body: bytes) -> str:
        begun = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if datetime.now(UTC) + self.ahead > begun + timedelta(seconds=int(query["X-Amz-Expires"])):
            return "AccessDenied: Request has expired"
        if not hmac.compare_digest(_signature(environ, query), query["X-Amz-Signature"]):
            return "SignatureDoesNotMatch"
        told = environ.get("HTTP_X_AMZ_CHECKSUM_SHA256")
        if told and base64.b64decode(told) != hashlib.sha256(body).digest():
            return "BadDigest"
        return ""


class _Body:
    """A body that was read already."""

    def __init__(self, content: bytes) -> None:
        self._left = content

    def read(self, size: int = -1) -> bytes:
        size = len(self._left) if size < 0 else size
        found, self._left = self._left[:size], self._left[size:]
        return found


def _half(answer: Iterable[bytes]) -> Iterator[bytes]:
    content = b"".join(answer)
    yield content[: len(content) // 2]


def _signature(environ: Environ, query: dict[str, str]) -> str:
    """Sign a request anew, as Amazon's manual of signature version 4 has it."""
    names = query["X-Amz-SignedHeaders"].split(";")
    headers = {name: environ.get(_variable(name), "").strip() for name in names}
    signed = sorted((quote(name, "-_.~"), quote(value, "-_.~")) for name, value in query.items())
    lines = [
        environ["REQUEST_METHOD"],
        environ["RAW_URI"].partition("?")[0],
        "&".join(f"{name}={value}" for name, value in signed if name != "X-Amz-Signature"),
        *(f"{name}:{headers[name]}" for name in names),
        "",
        ";".join(names),
        "UNSIGNED-PAYLOAD",
    ]
    _, day, region, service, end = query["X-Amz-Credential"].split("/")
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", query["X-Amz-Date"], f"{day}/{region}/{service}/{end}", digest])
    key = f"AWS4{SECRET}".encode()
    for part in (day, region, service, end):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def _variable(header: str) -> str:
    name = header.upper().replace("-", "_")
    return name if name == "CONTENT_LENGTH" else f"HTTP_{name}"


@contextmanager
def serving(host: str = "127.0.0.1") -> Iterator[Server]:
    """Serve until the block is left."""
    found = Server()
    server = make_server(host, 0, found, threaded=True, request_handler=MotoRequestHandler)
    found.url = f"http://{host}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        found.client.close()
