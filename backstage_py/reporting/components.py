"""Components of the catalog as the metrics see them: whose they are, and which repository they are made in."""

from collections.abc import Iterator

from backstage_py.errors import InputError
from backstage_py.model import entity as entities
from backstage_py.model import entity_ref
from backstage_py.model.json import JsonObject
from backstage_py.model.platform_event import repository_of
from backstage_py.reporting.deliveries.reading import text
from backstage_py.reporting.measures.stories import Component

_SLUGS = {"github.com/project-slug": "github.com", "gitlab.com/project-slug": "gitlab.com"}
_URL = "url:"


def component(entity: JsonObject) -> Component:
    """Return what counts of an entity."""
    return Component(entity_ref.of(entity), text(entity, "spec", "type"), _owner(entity), _repository(entity))


def _owner(entity: JsonObject) -> str | None:
    owner = text(entity, "spec", "owner")
    namespace = text(entity, "metadata", "namespace")
    try:
        return str(entity_ref.parse(owner, default_kind="group", default_namespace=namespace)) if owner else None
    except InputError:
        return None


def _repository(entity: JsonObject) -> str | None:
    return next((found for url in _urls(entity) if (found := repository_of(url))), None)


def _urls(entity: JsonObject) -> Iterator[str]:
    """Yield where an entity may come from, what is said on purpose first."""
    for name in (entities.SOURCE, *_SLUGS, entities.MANAGED_BY):
        value = entities.annotation(entity, name)
        if not isinstance(value, str):
            continue
        if name in _SLUGS:
            yield f"https://{_SLUGS[name]}/{value}"
        elif value.startswith(_URL):
            yield value.removeprefix(_URL)
