"""Records which keys Backstage's packages describe in their own configuration schemas.

``python -m tests.settings.record_keys FOLDER...`` reads every package below the folders that ships a JSON Schema of its
configuration (``./dev reference --install`` makes such a folder; others are got by ``npm pack``) and writes
``tests/golden/settings/backstage-keys.json``: names of keys and which are secret, no words.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[1] / "golden" / "settings" / "backstage-keys.json"
_UNITS = frozenset({"years", "months", "weeks", "days", "hours", "minutes", "seconds", "milliseconds"})


def main(folders: list[Path]) -> None:
    """Write the keys of all packages."""
    packages: dict[str, str] = {}
    keys: dict[str, bool] = {}
    for file in sorted(file for folder in folders for file in folder.rglob("package.json")):
        package = json.loads(file.read_text(encoding="utf-8"))
        named = package.get("configSchema")
        if not str(package.get("name", "")).startswith("@backstage/") or not named:
            continue
        schema = json.loads((file.parent / named).read_text(encoding="utf-8")) if isinstance(named, str) else named
        packages[package["name"]] = package["version"]
        for key, is_secret in _keys(schema, ""):
            keys[key] = keys.get(key, False) or is_secret
    secret = sorted(key for key, is_secret in keys.items() if is_secret)
    found = {"packages": dict(sorted(packages.items())), "keys": sorted(keys), "secret": secret}
    TARGET.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _keys(schema: dict[str, Any], path: str) -> Iterator[tuple[str, bool]]:
    """Yield each key with whether it is secret; the units of a duration are no keys of their own."""
    for kind in ("anyOf", "oneOf", "allOf"):
        for branch in schema.get(kind, ()):
            yield from _keys(branch, path)
    if isinstance(items := schema.get("items"), dict):
        yield from _keys(items, f"{path}[]")
    for name, inner in schema.get("properties", {}).items():
        if name not in _UNITS:
            yield from _key(inner, f"{path}.{name}".removeprefix("."))
    if isinstance(inner := schema.get("additionalProperties"), dict) and path.count("*") < 3:
        yield from _key(inner, f"{path}.*".removeprefix("."))


def _key(schema: dict[str, Any], path: str) -> Iterator[tuple[str, bool]]:
    yield path, schema.get("visibility") == "secret"
    yield from _keys(schema, path)


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
