"""A Backstage backend with a catalog, on loopback: what ``ctx.http``, ``ctx.backstage`` and ``ctx.catalog`` reach."""

from collections.abc import Mapping

from backstage_py.model import entity_ref
from backstage_py.model.json import Json, JsonObject
from backstage_py.testing.http_server import FakeHttp, Received, Reply

_CATALOG = "/api/catalog"


class FakeBackstage(FakeHttp):
    """Answers for the plugins that a test tells it of, and for a catalog of the entities that a test adds.

    Attributes:
        locations: targets that were registered, in their order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.locations: list[str] = []
        self._entities: dict[str, JsonObject] = {}
        self._readable: dict[str, list[JsonObject]] = {}
        self.on("POST", f"{_CATALOG}/entities/by-refs", self._by_refs)
        self.on("GET", f"{_CATALOG}/entities/by-name/*", self._by_name)
        self.on("POST", f"{_CATALOG}/locations", self._add_location)
        self.on("POST", f"{_CATALOG}/refresh", Reply(b""))

    def add_entity(self, entity: JsonObject) -> str:
        """Put an entity into the catalog and return its reference, complete and in lower case."""
        ref = entity_ref.of(entity)
        self._entities[ref] = entity
        return ref

    def add_source(self, target: str, *entities: JsonObject) -> None:
        """Let a URL be one that can be registered, with these entities in it."""
        self._readable[target] = list(entities)

    def _by_refs(self, received: Received) -> Reply:
        return Reply({"items": [self._entities.get(str(ref).lower()) for ref in received.json["entityRefs"]]})

    def _by_name(self, received: Received) -> Reply:
        kind, namespace, name = received.path.removeprefix(f"{_CATALOG}/entities/by-name/").split("/")
        found = self._entities.get(f"{kind}:{namespace}/{name}".lower())
        return Reply(found) if found else _error(404, "NotFoundError", f"No entity named '{name}' found")

    def _add_location(self, received: Received) -> Reply:
        target = received.json["target"]
        entities = self._readable.get(target)
        if entities is None:
            return _error(404, "NotFoundError", f"Unable to read url, {target}")
        location = {"id": str(len(self.locations) + 1), "type": "url", "target": target}
        known = target in self.locations
        if received.query.get("dryRun") == "true":
            return Reply({"exists": known, "location": location, "entities": entities}, 201)
        if known:
            return _error(409, "ConflictError", f"Location url:{target} already exists")
        self.locations.append(target)
        for entity in entities:
            self.add_entity(entity)
        return Reply({"location": location, "entities": []}, 201)


def _error(status: int, name: str, message: str) -> Reply:
    error: Mapping[str, Json] = {"name": name, "message": message}
    return Reply({"error": error, "response": {"statusCode": status}}, status)
