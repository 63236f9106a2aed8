"""Does what the README of a produced Go service says about its database: ``python -m tests.golden_paths.driver``.

A part of ``.ci/proof``, since it needs Debian's sources of a driver (golang-github-jackc-pgx-v4-dev). It is the version
before the one that the README names; what the service calls of it, database/sql's driver, is the same.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.cluster import waiting
from tests.golden_paths import process, produced, toolchain
from tests.storage.postgres import postgres

SOURCES = Path("/usr/share/gocode")
NAMED, PACKAGED = "github.com/jackc/pgx/v5/", "github.com/jackc/pgx/v4/"


def main() -> None:
    """Build it, and have it ask a real server that goes away and comes back."""
    if not (SOURCES / "src" / PACKAGED).is_dir():
        sys.exit("golang-github-jackc-pgx-v4-dev is missing")
    with tempfile.TemporaryDirectory(prefix="backstage-py-driver-") as name:
        tree = Path(name, "src/github.com/org", produced.NAME)
        produced.produce(produced.skeleton("go"), tree)
        without = _built(tree, Path(name, "without"), name)
        _follow(tree)
        _try(without, _built(tree, Path(name, "service"), name))
    sys.stdout.write("The service without a driver says so, and with one it asks its database.\n")


def _follow(tree: Path) -> None:
    readme = (tree / "README.md").read_text(encoding="utf-8")
    commands = next(one for one in re.findall(r"```sh\n(.*?)```", readme, re.DOTALL) if NAMED in one)
    add, get, _ = re.split(r"^(go get github\.com/jackc/pgx/v5 && go mod tidy)$", commands, flags=re.MULTILINE)
    assert get, "the module is fetched where there is a network"
    subprocess.run(["sh", "-ec", add.replace(NAMED, PACKAGED)], cwd=tree, check=True)
    [endpoint] = re.findall(r"```go\n(.*?)```", readme, re.DOTALL)
    (tree / "internal/api/orders.go").write_text(endpoint, encoding="utf-8")


def _built(tree: Path, program: Path, path: str) -> Path:
    variables = {"GO111MODULE": "off", "GOPATH": f"{path}:{SOURCES}"}
    env = toolchain.found(tree).environment | variables
    for command in (("vet", "./..."), ("build", "-o", str(program), ".")):
        subprocess.run(["go", *command], cwd=tree, env=env, check=True)
    return program


def _try(without: Path, program: Path) -> None:
    with postgres() as server:
        with server.connect("postgres") as connection:
            connection.execute("CREATE TABLE orders AS SELECT generate_series(1, 3) AS number")
        given = {"PGHOST": server.host, "PGPORT": str(server.port), "PGUSER": "test", "PGDATABASE": "postgres"}
        given["GODEBUG"] = "httpmuxgo121=0"  # what go.mod says by its version; it is not read where modules are off
        with process.running(without, **given) as service:
            assert "README.md says how to add it" in service.began[0]["error"]
            assert service.get("/readyz").status == 200
        with process.running(program, **given) as service:
            waiting.until(lambda: service.get("/readyz").status == 200, "it is ready")
            assert service.get("/orders").body == '{"count":3}\n'
            server.stop()
            assert service.get("/readyz").body == '{"status":"no database"}\n'
            assert service.get("/healthz").status == 200
            server.start()
            waiting.until(lambda: service.get("/readyz").status == 200, "it is ready again")
            waiting.until(lambda: service.get("/orders").body == '{"count":3}\n', "and asks again")


if __name__ == "__main__":
    main()
