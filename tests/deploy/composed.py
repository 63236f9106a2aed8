"""The trial by compose, as it stands in ``examples/deploy/compose.yaml``: ``python -m tests.deploy.composed``.

Podman and podman-compose run it, with the service's image as the tests build it, and one that does what the official
image of PostgreSQL does with its variables. ``doctor`` looks at it from within, then all is started again. Prints what
``doctor`` says; ends with 1 where something fails.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

from tests import patience
from tests.deploy import built
from tests.deploy.rendering import DEPLOY

_FILE = DEPLOY / "compose.yaml"
_URL = "http://127.0.0.1:7007"
_OFFICIAL = "docker.io/library/postgres:16-alpine"
_IN_SERVICE = ("exec", "backstage-py_backstage-py_1", "backstage-py")
_ENTRY = """#!/bin/sh
set -e
bin=$(ls -d /usr/lib/postgresql/*/bin)
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  install -d -o postgres -m 700 "$PGDATA"
  printf %s "$POSTGRES_PASSWORD" >/tmp/password
  chown postgres /tmp/password
  su postgres -c "$bin/initdb -D $PGDATA -U $POSTGRES_USER --pwfile=/tmp/password -A scram-sha-256 -E UTF8" >/dev/null
  echo "CREATE DATABASE $POSTGRES_USER;" | su postgres -c "$bin/postgres --single -D $PGDATA postgres" >/dev/null
  echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
fi
exec su postgres -c "exec $bin/postgres -D $PGDATA -k /tmp -c listen_addresses='*'"
"""
_DATABASE = f"""
FROM {built.BASE}
COPY --chmod=755 entry /entry
ENV PGDATA=/var/lib/postgresql/data PGHOST=/tmp
USER 0
ENTRYPOINT ["/entry"]
"""


def main() -> None:
    images = built.images()
    folder = images / "compose"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    podman = _podman(images, folder)
    (folder / "entry").write_text(_ENTRY, encoding="utf-8")
    (folder / "Containerfile").write_text(_DATABASE, encoding="utf-8")
    _run(podman, "build", "--quiet", "--isolation=chroot", "--format=docker", f"--tag={_OFFICIAL}", ".")
    _run(podman, "tag", built.NAME, "localhost/backstage-py_backstage-py")  # as the project and the service are called
    compose = ("podman-compose", "--podman-path", str(podman), "--file", str(_FILE))
    try:
        _run(*compose, "up", "--detach", "--no-build")
        patience.wait(_is_ready)
        said = _run(podman, *_IN_SERVICE, "doctor", "--config", "/etc/backstage-py/app-config.yaml", "--format", "json")
        sys.stdout.write(f"{said}\n")
        _run(podman, "healthcheck", "run", _IN_SERVICE[1])
        _run(*compose, "restart")  # the tables, the keys and the workspaces are there again
        patience.wait(_is_ready)
    finally:
        _run(*compose, "down", "--volumes")


def _podman(images: Path, folder: Path) -> Path:
    """Return a Podman that has the images of the tests, and asks no more of the system than this process may have."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    config = folder / "containers.conf"
    config.write_text(
        f"[containers]\ndefault_ulimits = {json.dumps([f'nofile={most}:{most}', 'nproc=4096:4096'])}\n"
        '[engine]\nevents_logger = "file"\ncgroup_manager = "cgroupfs"\n',
        encoding="utf-8",
    )
    program = folder / "podman"
    store = f"--root={images / 'store'} --runroot={images / 'run'} --storage-driver=overlay --network-backend=netavark"
    program.write_text(f'#!/bin/sh\nCONTAINERS_CONF={config} exec /usr/bin/podman {store} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return program


def _is_ready() -> bool:
    try:
        with urllib.request.urlopen(f"{_URL}/.backstage/health/v1/readiness") as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _run(*command: str | Path) -> str:
    where = Path(command[0]).parent if os.sep in str(command[0]) else None
    done = subprocess.run([str(one) for one in command], capture_output=True, text=True, check=False, cwd=where)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout.strip()


if __name__ == "__main__":
    main()
