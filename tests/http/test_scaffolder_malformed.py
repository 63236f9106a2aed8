"""Whatever a client sends, no answer is a 5xx."""

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstage_py.http import scaffolder as face
from backstage_py.plugin import ActionContext, action
from tests.effort import EXAMPLES
from tests.http.harness import call
from tests.http.scaffolder_site import site
from tests.scaffolder.harness import template, world


@action("test:say", {"type": "object"}, dry_run=True)
def say(ctx: ActionContext[dict[str, Any]]) -> None:
    ctx.logger.info(str(ctx.input))


ENTITY = template(
    {"id": "s", "action": "test:say", "input": {"m": "${{ parameters.name }}"}},
    parameters={"properties": {"name": {"type": "string", "pattern": "^[a-z]+$"}}},
)
VALID: dict[str, Any] = {
    "/v2/tasks": {"templateRef": "template:default/t", "values": {"name": "x"}, "secrets": {"a": "b"}},
    "/v2/tasks/{taskId}/retry": {"secrets": {}},
    "/v2/dry-run": {
        "template": ENTITY,
        "values": {"name": "x"},
        "secrets": {},
        "directoryContents": [{"path": "a", "base64Content": "YQ=="}],
    },
    "/v2/autocomplete/{provider}/{resource}": {"token": "t", "context": {}},
}
OPERATIONS = [
    (method.upper(), path.removeprefix("/api/scaffolder"))
    for path, item in face.document()["paths"].items()
    for method in item
]

text = st.text(max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)
queries = st.lists(
    st.tuples(
        st.sampled_from(["limit", "offset", "order", "status", "createdBy", "after", "x", ""]),
        text | st.integers().map(str) | st.sampled_from(["asc:created_at", "desc:status", "open"]),
    ),
    max_size=3,
)


@st.composite
def bodies(draw: st.DrawFn, path: str) -> bytes:
    """A valid body with a part replaced, dropped or added, or something else altogether."""
    kind = draw(st.sampled_from(["changed", "changed", "changed", "any", "bytes"]))
    if kind == "bytes":
        return draw(st.binary(max_size=40))
    body = draw(values) if kind == "any" else json.loads(json.dumps(VALID.get(path, {})))
    if kind == "changed":
        _change(draw, body)
    return json.dumps(body).encode()


def _change(draw: st.DrawFn, body: Any) -> None:
    node = body
    while isinstance(node, dict | list) and node:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = draw(st.sampled_from(keys))
        if not isinstance(node[key], dict | list) or not node[key] or draw(st.booleans()):
            if draw(st.booleans()):
                node[key] = draw(values)
            elif isinstance(node, dict):
                del node[key]
            return
        node = node[key]


@pytest.mark.thorough
def test_no_request_gives_a_server_error(tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        small = runner.run(stack.enter_async_context(world(tmp_path, say, start=False)))
        app = site(small)
        task_id = runner.run(small.create(ENTITY, {"name": "x"}))
        runner.run(small.scaffolder.service.cancel(task_id))  # so that a long poll has something to answer

        @settings(max_examples=min(EXAMPLES, 300))
        @given(st.data())
        def check(data: st.DataObject) -> None:
            method, template_path = data.draw(st.sampled_from(OPERATIONS))
            path = template_path
            for name in ("taskId", "namespace", "kind", "name", "provider", "resource"):
                known = {"taskId": task_id, "namespace": "default", "kind": "template", "name": "t"}
                value = data.draw(st.just(known.get(name, "x")) | text.filter(bool))
                path = path.replace(f"{{{name}}}", quote(value, safe=""))
            query = "&".join(f"{key}={quote(value)}" for key, value in data.draw(queries))
            if template_path.endswith("/events") and "after" in query:
                query = "after=0"  # anything later would wait for half a minute, as is right
            body = data.draw(bodies(template_path)) if method == "POST" else None
            kind = data.draw(st.sampled_from(["application/json", "application/json", "text/plain", ""]))
            headers = {"content-type": kind} if kind else {}
            target = f"/api/scaffolder{path}" + (f"?{query}" if query else "")
            answer = runner.run(call(app, method, target, headers, body))
            assert answer.status < 500, (method, target, body, answer.body)

        check()
        runner.run(stack.aclose())


@pytest.mark.thorough
@pytest.mark.parametrize("number", [2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**30])
async def test_numbers_beyond_what_a_database_counts_are_no_fault(tmp_path: Path, number: int) -> None:
    async with world(tmp_path, say, start=False) as small:
        app = site(small)
        task_id = await small.create(ENTITY, {"name": "x"})
        await small.scaffolder.service.cancel(task_id)
        for query in (f"limit={number}", f"offset={number}", f"limit={number}&offset={number}"):
            answer = await call(app, "GET", f"/api/scaffolder/v2/tasks?{query}", {})
            assert answer.status in {200, 400}, (query, answer.body)
        negative = f"/api/scaffolder/v2/tasks/{task_id}/events?after={-abs(number)}"
        assert (await call(app, "GET", negative, {})).status in {200, 400}
