"""What a real Backstage exports by prom-client, recorded: names, kinds, labels and bounds of its plugins' metrics.

``BACKSTAGE_PY_RECORD=1`` writes the record; ``tests/metrics`` compares ours with it, where no Backstage is.
"""

import json
import os
import time
import urllib.request
from pathlib import Path

import pytest
import yaml

from tests.anchor import harness
from tests.contract.harness import free_port
from tests.metrics.families import families

RECORD = Path(__file__).parents[1] / "golden/metrics/backstage-1.57.1.json"
pytestmark = pytest.mark.skipif(
    "BACKSTAGE_PY_ANCHOR" not in os.environ, reason="BACKSTAGE_PY_ANCHOR names no Backstage to compare with"
)
_SCRAPED = """
require('http').createServer(async (_, answer) => {
  answer.end(await require('prom-client').register.metrics());
}).listen(PORT, '127.0.0.1');
"""


def test_the_record_is_what_backstage_exports(tmp_path: Path) -> None:
    port, scrapes = free_port(), free_port()
    plugins = json.dumps(list(harness.PLUGINS))
    index = harness._INDEX.replace("PLUGINS", plugins) + _SCRAPED.replace("PORT", str(scrapes))
    (tmp_path / "index.js").write_text(index)
    step = {"id": "say", "name": "Say", "action": "debug:log", "input": {"message": "hello"}}
    entities, config = tmp_path / "templates.yaml", tmp_path / "app-config.yaml"
    entities.write_text(yaml.safe_dump_all([harness.template("greet", step)]))
    config.write_text(yaml.safe_dump(harness._config(port, free_port(), entities)))
    with harness.backstage(tmp_path, config) as wait:
        site = harness.Site(f"http://localhost:{port}", wait(f"http://localhost:{port}"))
        harness._until_in_catalog(site, ["greet"])
        site.run("template:default/greet", {})
        time.sleep(1)  # the task is counted behind its completion event
        with urllib.request.urlopen(f"http://127.0.0.1:{scrapes}") as answer:
            found = families(answer.read().decode())
    own = {name: one for name, one in found.items() if name.startswith(("scaffolder_", "catalog_"))}
    if os.environ.get("BACKSTAGE_PY_RECORD"):
        RECORD.parent.mkdir(exist_ok=True)
        RECORD.write_text(json.dumps(own, indent=1, sort_keys=True) + "\n")
    assert own == json.loads(RECORD.read_text())
