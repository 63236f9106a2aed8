"""Pages of a form with ``when``: the answers of scaffolder-backend 4.3.0 to the same calls."""

from pathlib import Path
from typing import Any

import pytest

from backstage_py.model import yaml
from backstage_py.plugin import ActionContext, action
from backstage_py.settings.sections import LimitSettings, ScaffolderSettings
from tests.http.scaffolder_site import get, post, site
from tests.scaffolder.harness import template, world

Context = ActionContext[dict[str, Any]]


@action("test:say", {"type": "object", "properties": {"message": {"type": "string"}}}, dry_run=True)
def say(ctx: Context) -> None:
    ctx.logger.info(ctx.input["message"])


PAGES = yaml.load("""\
- title: Cloud
  required: [cloud]
  properties:
    cloud: {type: string, enum: [AWS, GCP]}
- title: AWS
  when: ${{ parameters.cloud === 'AWS' }}
  required: [region]
  properties:
    region: {type: string}
    shared: {type: string}
- title: Region two
  when: parameters.region == 'eu'
  required: [zone]
  properties:
    zone: {type: string}
- title: Off
  when: false
  required: [nope]
  properties: {nope: {type: string}}
- title: Last
  properties:
    shared: {type: string}
""")
STEP = {"id": "l", "action": "test:say", "input": {"message": "all ${{ parameters | dump }}"}}
WHENNY = template(STEP, name="whenny", parameters=PAGES, output={"params": "${{ parameters }}"})
TASKS: list[tuple[dict[str, Any], dict[str, Any] | str]] = [
    (
        {"cloud": "GCP", "region": "eu", "zone": "z", "nope": "n", "shared": "s", "extra": 1},
        {"cloud": "GCP", "shared": "s", "extra": 1},
    ),
    ({"cloud": "GCP"}, {"cloud": "GCP"}),
    ({"cloud": "AWS"}, 'instance requires property "region"'),
    (
        {"cloud": "AWS", "region": "eu", "zone": "a", "shared": "x"},
        {"cloud": "AWS", "region": "eu", "zone": "a", "shared": "x"},
    ),
    ({"cloud": "AWS", "region": "eu"}, 'instance requires property "zone"'),
]


async def test_the_form_has_conditions_beside_its_schemas(tmp_path: Path) -> None:
    odd = template(STEP, name="odd", parameters=[{"title": "A", "when": 3, "properties": {}}])
    async with world(tmp_path, say, start=False) as w:
        w.catalog.add(WHENNY)
        w.catalog.add(odd)
        app = site(w)
        form = await get(app, "/v2/templates/default/template/whenny/parameter-schema")
        without = await get(app, "/v2/templates/default/template/odd/parameter-schema")
    bare = [{key: one for key, one in page.items() if key != "when"} for page in PAGES]
    assert [step["schema"] for step in form.json["steps"]] == bare
    assert [step.get("when") for step in form.json["steps"]] == [page.get("when") for page in PAGES]
    assert list(form.json["steps"][1]) == ["title", "when", "schema"]
    assert without.json["steps"] == [{"title": "A", "schema": {"title": "A", "properties": {}}}]


@pytest.mark.thorough
async def test_the_condition_of_a_form_of_one_page_counts_too(tmp_path: Path) -> None:
    """The schema of templates does not name it there; the backend looks at it all the same."""
    page = {"when": "parameters.a", "required": ["b"], "properties": {"a": {}, "b": {}}}
    async with world(tmp_path, say, start=False) as w:
        w.catalog.add(template(STEP, parameters=page))
        app = site(w)
        form = await get(app, "/v2/templates/default/template/t/parameter-schema")
        hidden = await post(app, "/v2/tasks", {"templateRef": "template:default/t", "values": {"x": 1}})
        shown = await post(app, "/v2/tasks", {"templateRef": "template:default/t", "values": {"a": 1}})
    assert form.json["steps"][0]["when"] == "parameters.a"
    assert (hidden.status, shown.status) == (201, 400)


@pytest.mark.thorough
@pytest.mark.parametrize(("values", "expected"), TASKS)
async def test_a_task_has_no_values_of_hidden_pages(
    tmp_path: Path, values: dict[str, Any], expected: dict[str, Any] | str
) -> None:
    async with world(tmp_path, say, start=False) as w:
        w.catalog.add(WHENNY)
        app = site(w)
        created = await post(app, "/v2/tasks", {"templateRef": "template:default/whenny", "values": values})
        if isinstance(expected, str):
            assert created.status == 400
            assert [error["stack"] for error in created.json["errors"]] == [expected]
        else:
            assert created.status == 201
            task = await get(app, f"/v2/tasks/{created.json['id']}")
            assert task.json["spec"]["parameters"] == expected


async def test_a_dry_run_has_no_values_of_hidden_pages(tmp_path: Path) -> None:
    pages = [
        {"properties": {"c": {"type": "string"}}},
        {"when": "${{ parameters.c == 'y' }}", "required": ["r"], "properties": {"r": {"type": "string"}}},
    ]
    entity = template(STEP, parameters=pages, output={"p": "${{ parameters }}"})
    body = {"template": entity, "secrets": {}, "directoryContents": []}
    async with world(tmp_path, say, start=False) as w:
        hidden = await post(site(w), "/v2/dry-run", {**body, "values": {"c": "n", "r": "gone"}})
        shown = await post(site(w), "/v2/dry-run", {**body, "values": {"c": "y"}})
    assert hidden.json["output"] == {"p": {"c": "n"}}
    assert [error["stack"] for error in shown.json["errors"]] == ['instance requires property "r"']


async def test_a_form_that_refers_to_itself_takes_no_more_than_the_budget(tmp_path: Path) -> None:
    """Each level of the values is asked for by many references, and each condition would go on for long."""
    item = {"$ref": "#/definitions/t"}
    definitions = {"t": {"properties": {"t": item}, "allOf": [{"properties": {"t": item}}] * 8}}
    values: dict[str, Any] = {}
    for _ in range(60):
        values = {"t": values}
    loop = "${{ 1 }}{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}"
    pages = [{"when": loop, "properties": {"t": item}, "definitions": definitions}, {"when": False}]
    small = ScaffolderSettings(limits=LimitSettings(evaluation_steps=200_000))
    async with world(tmp_path, say, settings=small, start=False) as w:
        w.catalog.add(template(STEP, parameters=pages))
        created = await post(site(w), "/v2/tasks", {"templateRef": "template:default/t", "values": {"t": values}})
    assert created.status == 400
    assert "scaffolder.limits" in created.json["error"]["message"]
