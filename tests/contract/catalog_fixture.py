"""A catalog full of odd values, and the configuration with which Backstage and this service serve it alike."""

import json
import random
from pathlib import Path
from typing import Any

TOKEN = "a-token-of-a-service"
TITLES = (
    *("Zeta", "alpha", "Ärger", "ßtraße", "İstanbul", "ǅ", "100%", "a_b", "a\\b", "  spaced  ", "emoji 🎉", "x" * 150),
    *("quote'\"", "null", "true", "ꙮ", "e\u0301", "\u00e9", "tab\tx", "line\nbreak", "A", "a", "B", "b", "_", "-"),
    *("~", "0", "10", "9", "\uff11"),
)
_ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, 1.5, -0.0, 1e21, 1e-7, "1", "true", "null", [], {}, [1, 2, "x"], [None], "", "0", [[1]]),
    *({"a": {"b": [{"c": 1}]}}, 12345678901234567890, ["a", "A", "a"], "Ä", "ä"),
)
_TEAMS = tuple(f"team-{number}" for number in range(6))

Entity = dict[str, Any]


def entities() -> list[Entity]:
    """Return the same entities each time; every one is valid."""
    dice = random.Random(5)
    found = [_entity("Group", team, {"type": "team", "children": []}, title=dice.choice(TITLES)) for team in _TEAMS]
    for number in range(6):
        profile = {"displayName": f"User {number}", "email": f"u{number}@x.example"}
        found.append(_entity("User", f"user{number}", {"memberOf": [dice.choice(_TEAMS)], "profile": profile}))
    found += [_entity("Domain", f"dom{number}", {"owner": dice.choice(_TEAMS)}) for number in range(3)]
    for number in range(5):
        spec = {"owner": dice.choice(_TEAMS), "domain": f"dom{number % 3}"}
        found.append(_entity("System", f"sys{number}", spec, title=TITLES[number]))
    for number in range(8):
        spec = {"type": dice.choice(["openapi", "grpc"]), "lifecycle": "production", "owner": dice.choice(_TEAMS)}
        found.append(_entity("API", f"api{number}", {**spec, "definition": "x: y\n" * 3, "system": f"sys{number % 5}"}))
    for number in range(6):
        spec = {"type": dice.choice(["database", "Database", "s3"]), "owner": dice.choice(_TEAMS)}
        found.append(_entity("Resource", f"res{number}", spec, namespace=dice.choice(["default", "other", "prod-x"])))
    found += [_component(dice, number, title) for number, title in enumerate(TITLES)]
    steps: Entity = {
        "type": "service",
        "owner": "team-1",
        "steps": [{"action": "debug:log"}],
        "parameters": [{"title": "x"}],
    }
    found.append(_entity("Template", "tpl", steps, title="Tpl"))
    return found


def _component(dice: random.Random, number: int, title: str) -> Entity:
    metadata: Entity = {"title": title, "description": dice.choice(TITLES)}
    metadata["tags"] = dice.sample(["java", "go", "c++", "web", "data"], dice.randint(0, 3))
    if dice.random() < 0.6:
        metadata["annotations"] = {"example.com/a": dice.choice(TITLES), "a.b.c/d.e": dice.choice(["x", "Y"])}
    if dice.random() < 0.5:
        metadata["labels"] = {"tier": dice.choice(["1", "2", "three"]), "example.com/x.y": "v"}
    if dice.random() < 0.4:
        metadata["links"] = [{"url": "https://x.example/1", "title": "L"}, {"url": "https://x.example/2"}]
    spec: Entity = {
        "type": dice.choice(["service", "website", "library", "Service"]),
        "lifecycle": dice.choice(["production", "experimental"]),
        "owner": dice.choice([*_TEAMS, "user:user1", "unknown"]),
        "system": f"sys{dice.randint(0, 5)}",
        "custom": dice.choice(_ODD),
        "dependsOn": dice.sample([f"resource:res{one}" for one in range(6)] + ["component:c0"], dice.randint(0, 2)),
    }
    if dice.random() < 0.3:
        spec |= {"a.b": {"c": "dotted"}, "a": {"b.c": "other"}}
    name = f"c{number}" if number % 4 else f"C-{number}_x.Y"
    return _entity("Component", name, spec, namespace=dice.choice(["default", "other", "prod-x"]), **metadata)


def _entity(kind: str, name: str, spec: Entity, **metadata: Any) -> Entity:
    version = "scaffolder.backstage.io/v1beta3" if kind == "Template" else "backstage.io/v1alpha1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **metadata}, "spec": spec}


def write(folder: Path, port: int) -> Path:
    """Write the entities and a configuration that Backstage and this service read; return the latter's path."""
    kinds = sorted({"Location", *(one["kind"] for one in entities())})
    (folder / "all.yaml").write_text("\n---\n".join(map(json.dumps, entities())), encoding="utf-8")
    external = {"type": "static", "options": {"token": TOKEN, "subject": "test"}}
    config = {
        "app": {"baseUrl": "http://localhost:3000"},
        "backend": {
            "baseUrl": f"http://localhost:{port}",
            "listen": {"host": "127.0.0.1", "port": port},
            "database": {"client": "better-sqlite3", "connection": ":memory:"},
            "auth": {"externalAccess": [external]},
        },
        "integrations": {"github": [{"host": "github.com"}]},
        "auth": {"providers": {"guest": {"dangerouslyAllowOutsideDevelopment": True}}},
        "permission": {"enabled": True},
        "catalog": {
            "rules": [{"allow": kinds}],
            "locations": [{"type": "file", "target": str(folder / "all.yaml")}],
        },
    }
    path = folder / "app-config.yaml"
    path.write_text(json.dumps(config), encoding="utf-8")
    return path
