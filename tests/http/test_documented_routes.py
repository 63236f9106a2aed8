"""All that the service answers stands in an OpenAPI document, and what stands there is answered."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml
from openapi_spec_validator import validate
from starlette.routing import BaseRoute, Mount, Route

from backstage_py import app
from backstage_py.http import crossplane as crossplane_face
from backstage_py.settings import load_settings
from tests.http.harness import call

_FOLDER = Path(__file__).parents[2] / "schemas/openapi"
_DOCUMENTS = sorted(_FOLDER.glob("*.json"))
_METHODS = {"get", "post", "put", "patch", "delete"}
_CONFIG = {
    "backend": {"database": {"client": "better-sqlite3", "connection": ":memory:"}, "metrics": {"open": True}},
    "auth": {"providers": {"guest": {"dangerouslyAllowOutsideDevelopment": True}}},
    "events": {"http": {"topics": ["platform"]}},
}
_UNKNOWN_PROVIDERS = {("GET", "/api/auth/{}"), ("GET", "/api/auth/{}/{}")}
"""Each answer is that there is no such way to sign in."""

Operation = tuple[str, str]


def test_our_document_is_openapi() -> None:  # Backstage's own are not quite
    validate(json.loads((_FOLDER / "backstage-py.json").read_text(encoding="utf-8")))


async def test_what_is_answered_is_documented_and_the_other_way_round(tmp_path: Path) -> None:
    file = tmp_path / "app-config.yaml"
    file.write_text(yaml.safe_dump(_CONFIG), encoding="utf-8")
    documented = set(_documented())
    async with app.serving(load_settings([file], {})) as service, service.running():
        crossplane = Mount("/api/crossplane", routes=crossplane_face.routes(None))  # type: ignore[arg-type]  # not asked
        served = {_named(one, documented) for one in _served([*service.asgi.routes, crossplane])}
        token = (await call(service.asgi, "POST", "/api/auth/guest/refresh")).json["backstageIdentity"]["token"]
        for each in _DOCUMENTS:
            path, sent = f"/api/{each.stem}/openapi.json", {"authorization": f"Bearer {token}"}
            assert (await call(service.asgi, "GET", path, sent)).json == json.loads(each.read_text(encoding="utf-8"))

    assert served - documented == _UNKNOWN_PROVIDERS
    assert documented - served == set()


def _documented() -> Iterator[Operation]:
    for file in _DOCUMENTS:
        for path, item in json.loads(file.read_text(encoding="utf-8"))["paths"].items():
            yield from ((method.upper(), _nameless(path)) for method in item.keys() & _METHODS)


def _served(routes: Sequence[BaseRoute], before: str = "") -> Iterator[Operation]:
    for one in routes:
        if isinstance(one, Mount):
            yield from _served(one.routes, before + one.path)
        elif isinstance(one, Route):  # one without methods leaves them to what answers
            methods = one.methods or {"GET", "POST", "DELETE"}
            yield from ((method, _nameless(before + one.path)) for method in methods - {"HEAD"})


def _named(served: Operation, documented: set[Operation]) -> Operation:
    """Return how a document may have it: with the plugin or the topic as a parameter."""
    method, path = served
    others = (re.sub("^/api/[^/]+", "/api/{}", path), re.sub("^(/api/events/http)/.*", r"\1/{}", path))
    return next(((method, one) for one in (path, *others) if (method, one) in documented), served)


def _nameless(path: str) -> str:
    return re.sub("{[^}]*}", "{}", path)
