"""The article's table for the golden path, as far as the parts are ours: python -m tests.benchmarks.golden_path

A form becomes a Go service on the cluster of BACKSTAGE_PY_TEST_KUBECONFIG or the kit's, then gets its database. The
service, its git host, Go, buildah, Helm, containers and PostgreSQL are real; Argo CD, Crossplane and its provider are
controllers of the tests. Printed are seconds, once:

- form to repository: from the submitted form until the repository is pushed and the component is in the catalog
- pipeline: Go compiles, the image is built and loaded, its digest is committed; no tests, scans, registry or runners
- sync: from that commit until Argo CD says that it is synced and healthy, with two pods that are ready
- database: from the submitted form of path 2, its pull request merged at once, until pods that have the credentials
  are ready; without the cloud's own time, which is most of it anywhere else
"""

import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from backstage_py import logging
from tests.cluster import cluster, kit
from tests.cluster.cluster import KubeCluster
from tests.golden_paths import databases, repository
from tests.golden_paths import site as sites
from tests.golden_paths.site import NAME, STAGING, Site


def main() -> None:
    """Print the table."""
    given, found = os.environ.get("BACKSTAGE_PY_TEST_KUBECONFIG"), dict[str, float]()
    with tempfile.TemporaryDirectory(prefix="backstage-py-bench-") as run:
        os.environ[cluster.RUN] = run
        kube = cluster.find()
        try:
            found = measured(kube, Path(run))
        finally:
            if not given:
                kit.down(cluster.run_folder())
    found["total"] = sum(found.values())
    for part, seconds in found.items():
        sys.stdout.write(f"{part:20}{seconds:7.1f} s\n")
    load, cores = os.getloadavg()[1], os.cpu_count()
    machine = f"{cores} cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()}"
    sys.stdout.write(f"{datetime.now(UTC):%d %B %Y}; {machine}; a load of {load:.0f}; ./dev bench golden_path\n")


def measured(kube: KubeCluster, folder: Path) -> dict[str, float]:
    """Return the seconds of each part."""
    (folder / "site").mkdir()
    with sites.running(kube, folder / "site") as site:
        site.create("staging")
        found = dict(site.times)
        found["pipeline"] = _seconds(site.release)
        found["sync"] = _seconds(lambda: site.until_synced("staging"))
        with databases.offered(kube, STAGING) as made:
            port = repository.values(database={"port": made.server.port})
            site.repository.change("The port of this cluster's databases", ("deploy/staging/values.yaml", port))
            found["database"] = _seconds(lambda: _database(site))
        return found


def _database(site: Site) -> None:
    asked = {"service": f"component:default/{NAME}", "environment": "staging", "size": "small", "how": "pull-request"}
    site.service.run("postgres-database", asked)
    site.until_synced("staging", site.repository.merge("database-staging"))


def _seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


if __name__ == "__main__":
    logging.configure("error")
    main()
