"""Records the audit events of a real Backstage: ``python -m tests.audit.record``, see ``tests/anchor/README.md``."""

import json
import tempfile
from pathlib import Path

import yaml

from tests.anchor.harness import backstage
from tests.audit.calls import TEMPLATE, Caller, normal
from tests.audit.site import config
from tests.contract.harness import free_port

TARGET = Path(__file__).parent / "recorded.json"


def main() -> None:
    """Run the backend, send the calls, and keep its events."""
    with tempfile.TemporaryDirectory() as made:
        folder, port = Path(made), free_port()
        entities = folder / "templates.yaml"
        entities.write_text(yaml.safe_dump(TEMPLATE), encoding="utf-8")
        file = folder / "app-config.yaml"
        file.write_text(yaml.safe_dump(config(port, entities)), encoding="utf-8")
        url = f"http://127.0.0.1:{port}"
        with backstage(folder, file) as wait:
            caller = Caller(url, wait(url))
            caller.send_all()
        lines = (folder / "backstage.log").read_text(encoding="utf-8").splitlines()
    found = normal(lines, caller.names)
    TARGET.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
