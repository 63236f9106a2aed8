from typing import Any

import pytest
import yaml

from backstage_py.errors import ConflictError, InputError, NotAllowedError, NotFoundError, PermanentError
from tests.actions.harness import Catalog, Task

URL = "https://github.com/acme/shop/tree/main/catalog-info.yaml"


def entity(kind: str, name: str, namespace: str | None = None) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name, **({"namespace": namespace} if namespace else {})}}


async def test_a_published_file_is_registered_and_its_component_named(task: Task, catalog: Catalog) -> None:
    task.secrets = {"backstageToken": "user-token"}
    catalog.locations[URL] = [
        entity("Location", "generated-1"),
        entity("API", "api"),
        entity("Component", "Shop", "Web"),
    ]
    given = {"repoContentsUrl": "https://github.com/acme/shop/blob/main", "catalogInfoPath": "/catalog-info.yaml"}
    result = await task.run("catalog:register", given)
    assert result.outputs == {"entityRef": "component:web/shop", "catalogInfoUrl": URL}
    assert result.log.messages == [f"Registering {URL} in the catalog"]
    assert catalog.added == [URL]
    assert set(catalog.tokens) == {"user-token"}


@pytest.mark.parametrize(
    ("entities", "ref"),
    [
        ([entity("Location", "generated-1"), entity("API", "a")], "api:default/a"),
        ([entity("Location", "generated-1")], "location:default/generated-1"),
    ],
)
async def test_without_a_component_another_entity_is_named(
    task: Task, catalog: Catalog, entities: list[dict[str, Any]], ref: str
) -> None:
    catalog.locations[URL] = entities
    assert (await task.run("catalog:register", {"catalogInfoUrl": URL})).outputs["entityRef"] == ref


async def test_an_optional_file_may_be_missing_or_known(task: Task, catalog: Catalog) -> None:
    with pytest.raises(NotFoundError):
        await task.run("catalog:register", {"catalogInfoUrl": URL})
    result = await task.run("catalog:register", {"catalogInfoUrl": URL, "optional": True})
    assert result.outputs == {"catalogInfoUrl": URL}
    catalog.locations[URL] = [entity("Component", "a")]
    for _ in range(2):
        await task.run("catalog:register", {"catalogInfoUrl": URL})
    task.forget()
    with pytest.raises(ConflictError):
        await task.run("catalog:register", {"catalogInfoUrl": URL})
    result = await task.run("catalog:register", {"catalogInfoUrl": URL, "optional": True})
    assert result.outputs["entityRef"] == "component:default/a"


async def test_an_unknown_host_cannot_be_registered(task: Task) -> None:
    with pytest.raises(InputError, match="No integration found for host"):
        await task.run("catalog:register", {"repoContentsUrl": "https://nowhere.example/x"})


async def test_an_entity_is_written_with_the_template_it_came_from(task: Task) -> None:
    given = {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Component",
        "metadata": {"name": "x", "annotations": {"a": "b"}},
        "spec": {"tags": ["ü", "yes"], "text": "a\nb\n"},
    }
    result = await task.run("catalog:write", {"entity": given, "filePath": "sub/info.yaml"})
    written = yaml.safe_load(task.tree()["sub/info.yaml"])
    annotations = {"a": "b", "backstage.io/source-template": "template:default/demo"}
    assert written == {**given, "metadata": {"name": "x", "annotations": annotations}}
    assert list(written) == list(given)
    assert b"  tags:\n    - " in task.tree()["sub/info.yaml"]
    assert result.log.messages == ["Writing sub/info.yaml"]
    await task.run("catalog:write", {"entity": given})
    assert "catalog-info.yaml" in task.tree()
    with pytest.raises(NotAllowedError):
        await task.run("catalog:write", {"entity": given, "filePath": "../x"})


async def test_entities_are_read_as_the_user(task: Task, catalog: Catalog) -> None:
    task.secrets = {"backstageToken": "user-token"}
    shop, cart = entity("Component", "shop"), entity("Component", "cart")
    catalog.entities = {"component:default/shop": shop, "component:default/cart": cart}
    one = await task.run("catalog:fetch", {"entityRef": "Shop", "defaultKind": "Component"})
    assert one.outputs == {"entity": shop}
    refs = ["component:default/cart", "component:shop"]
    assert (await task.run("catalog:fetch", {"entityRefs": refs})).outputs == {"entities": [cart, shop]}
    assert set(catalog.tokens) == {"user-token"}


async def test_missing_entities_are_an_error_unless_optional(task: Task) -> None:
    with pytest.raises(PermanentError, match="Entity component:x not found"):
        await task.run("catalog:fetch", {"entityRef": "component:x"})
    with pytest.raises(PermanentError, match="Entity component:y not found"):
        await task.run("catalog:fetch", {"entityRefs": ["component:y"]})
    assert (await task.run("catalog:fetch", {"entityRef": "component:x", "optional": True})).outputs == {"entity": None}
    with pytest.raises(PermanentError, match="Missing entity reference"):
        await task.run("catalog:fetch", {})
    assert (await task.run("catalog:fetch", {"optional": True})).outputs == {}
