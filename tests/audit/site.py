"""The configuration that both get."""

from pathlib import Path
from typing import Any


def config(port: int, entities: Path) -> dict[str, Any]:
    """Return it; every severity is written."""
    return {
        "app": {"baseUrl": "http://localhost:3000"},
        "backend": {
            "baseUrl": f"http://127.0.0.1:{port}",
            "listen": {"host": "127.0.0.1", "port": port},
            "auditor": {"severityLogLevelMappings": {"low": "info"}},
        },
        "auth": {"providers": {"guest": {"dangerouslyAllowOutsideDevelopment": True}}},
        "permission": {"enabled": True},
        "catalog": {
            "rules": [{"allow": ["Template"]}],
            "locations": [{"type": "file", "target": str(entities)}],
            "orphanStrategy": "keep",
        },
    }
