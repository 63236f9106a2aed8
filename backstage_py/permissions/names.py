"""The permissions of the plugins served here, as their metadata lists them."""

from dataclasses import dataclass
from functools import cache

from backstage_py import bundled
from backstage_py.model.json import JsonObject

CATALOG = "catalog"
SCAFFOLDER = "scaffolder"
CROSSPLANE = "crossplane"
OURS = "backstage-py"


@dataclass(frozen=True, slots=True)
class Permission:
    """A permission.

    Attributes:
        plugin: whose it is.
        name: as policies know it.
        action: ``create``, ``read``, ``update`` or ``delete``; None when it has no such attribute.
        resource_type: None for one that is about no single thing.
    """

    plugin: str
    name: str
    action: str | None
    resource_type: str | None

    def as_json(self) -> JsonObject:
        """Return it as a question to the permission backend names it."""
        shown: JsonObject = {
            "type": "basic" if self.resource_type is None else "resource",
            "name": self.name,
            "attributes": {} if self.action is None else {"action": self.action},
        }
        return shown if self.resource_type is None else {**shown, "resourceType": self.resource_type}


@cache
def _known(plugin: str) -> dict[str, Permission]:
    return {
        one["name"]: Permission(plugin, one["name"], one["attributes"].get("action"), one.get("resourceType"))
        for one in bundled.schema(f"permissions/{plugin}")["permissions"]
    }


def _of(plugin: str, rest: str) -> Permission:
    return _known(plugin)[f"{plugin}.{rest}"]


ENTITY_READ = _of(CATALOG, "entity.read")
ENTITY_DELETE = _of(CATALOG, "entity.delete")
ENTITY_REFRESH = _of(CATALOG, "entity.refresh")
ENTITY_VALIDATE = _of(CATALOG, "entity.validate")
LOCATION_READ = _of(CATALOG, "location.read")
LOCATION_CREATE = _of(CATALOG, "location.create")
LOCATION_DELETE = _of(CATALOG, "location.delete")
LOCATION_ANALYZE = _of(CATALOG, "location.analyze")

TASK_CREATE = _of(SCAFFOLDER, "task.create")
TASK_READ = _of(SCAFFOLDER, "task.read")
TASK_CANCEL = _of(SCAFFOLDER, "task.cancel")
PARAMETER_READ = _of(SCAFFOLDER, "template.parameter.read")
STEP_READ = _of(SCAFFOLDER, "template.step.read")
DRY_RUN = _of(SCAFFOLDER, "template.dry-run")
ACTION_EXECUTE = _of(SCAFFOLDER, "action.execute")

RESOURCE_CREATE = _of(CROSSPLANE, "resource.create")
RESOURCE_READ = _of(CROSSPLANE, "resource.read")
RESOURCE_DELETE = _of(CROSSPLANE, "resource.delete")

METRICS_READ = _of(OURS, "metrics.read")
