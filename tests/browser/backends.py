"""What stands behind the frontend: this service alone, or Backstage with or without this service's help."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from backstage_py import bundled
from tests.anchor import harness as anchor
from tests.browser import site
from tests.contract.harness import KIT, free_port, start

ALONE = "this-service-alone"
DELEGATED = "delegated-by-backstage"
REFERENCE = "backstage-alone"
_TEMPLATE_PATH = ("go-microservice", "template.yaml")
_DELEGATED_PLUGINS = ["scaffolder", "catalog", "crossplane"]
"""The last one is the sandbox's: the golden path asks it for a database."""
_GITHUB = {"integrations": {"github": [{"host": "github.com"}]}}
"""For the frontend: its import page sends repositories of known hosts to be analyzed."""
_KINDS = ["Component", "System", "API", "Resource", "Location", "Domain", "Group", "User", "Template"]


@dataclass(frozen=True)
class Stack:
    """A frontend that answers, and where its backends are.

    Args:
        kind: one of the three constants of this module.
        url: of the frontend.
        apis: the origins that the frontend asks.
        files: ``host:port`` that serves ``folder / "files"`` and that the backends may read.
        folder: state and logs.
    """

    kind: str
    url: str
    apis: tuple[str, ...]
    files: str
    folder: Path

    @property
    def has_git_host(self) -> bool:
        """A sandbox stands in for GitHub, so templates that publish can run."""
        return self.kind != REFERENCE


def kinds() -> list[str]:
    """Return what this machine can run: the two with Backstage's backend need its packages."""
    return [ALONE, *([DELEGATED, REFERENCE] if os.environ.get("BACKSTAGE_PY_ANCHOR") else [])]


@contextmanager
def stack(kind: str, folder: Path) -> Iterator[Stack]:
    """Run the backends and the frontend until the block is left."""
    app, theirs, ours = free_port(), free_port(), free_port()
    (folder / "files").mkdir()
    with ExitStack() as running:
        files = running.enter_context(site.files(folder / "files"))
        base = f"http://localhost:{ours if kind == ALONE else theirs}"
        config = _config(kind, folder, app=f"http://localhost:{app}", base=base, files=files)
        if kind == DELEGATED:
            target = f"http://localhost:{ours}/api/{{{{pluginId}}}}"
            config["discovery"] = {"endpoints": [{"target": target, "plugins": _DELEGATED_PLUGINS}]}
        path = folder / "app-config.yaml"
        path.write_text(yaml.safe_dump(config))
        wait = _start_theirs(running, folder, path) if kind != ALONE else None
        if kind != REFERENCE:
            _start_ours(running, folder, path, ours)
        if wait:
            wait(base)
        public = {key: value for key, value in config.items() if key in {"app", "discovery", "auth", "organization"}}
        public |= {"backend": {"baseUrl": base}, "permission": {"enabled": True}, **_GITHUB}
        url = running.enter_context(site.frontend(app, public))
        apis = {ALONE: (ours,), DELEGATED: (theirs, ours), REFERENCE: (theirs,)}[kind]
        yield Stack(kind, url, tuple(f"http://localhost:{port}" for port in apis), files, folder)


def _config(kind: str, folder: Path, *, app: str, base: str, files: str) -> dict[str, Any]:
    template = bundled.skeletons().joinpath(*_TEMPLATE_PATH)
    return {
        "app": {"title": "The tour", "baseUrl": app},
        "organization": {"name": "Tests"},
        "backend": {
            "baseUrl": base,
            "listen": {"host": "127.0.0.1", "port": int(base.rpartition(":")[2])},
            "cors": {
                "origin": app,
                "methods": ["GET", "HEAD", "PATCH", "POST", "PUT", "DELETE"],
                "credentials": True,
            },
            "reading": {"allow": [{"host": files}]},
            "database": {"client": "better-sqlite3", "connection": ":memory:"},
        },
        "auth": {"environment": "development", "providers": {"guest": {"dangerouslyAllowOutsideDevelopment": True}}},
        "permission": {"enabled": True},
        "catalog": {
            "rules": [{"allow": _KINDS}],
            "locations": [
                {"type": "file", "target": str(_catalog())},
                *([{"type": "file", "target": str(template)}] if kind != REFERENCE else []),
            ],
        },
    }


def _catalog() -> Path:
    return KIT / "catalog" / "all.yaml"


def _start_theirs(running: ExitStack, folder: Path, config: Path) -> Any:
    return running.enter_context(anchor.backstage(folder, config))


def _start_ours(running: ExitStack, folder: Path, config: Path, port: int) -> None:
    overlay = folder / "app-config.py.yaml"
    (folder / "work").mkdir()
    overlay.write_text(
        yaml.safe_dump(
            {
                "backend": {
                    "workingDirectory": str(folder / "work"),
                    "database": {"connection": {"filename": str(folder / "service.sqlite")}},
                },
                "sandbox": {"root": str(folder / "sandbox")},
            }
        )
    )
    service = start(folder, config, "--config", str(overlay), port=port)
    running.callback(service.process.wait)
    running.callback(service.process.kill)
