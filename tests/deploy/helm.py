"""The commands of Helm that ``docs/operators`` shows, by Helm's own library: ``python -m tests.deploy.helm install …``.

Takes install, upgrade, rollback and uninstall with the options of the pages, for the cluster of KUBECONFIG. With
``--wait`` it returns when all replicas are there.
"""

import argparse
import os
import sys
from pathlib import Path

import yaml

from tests.cluster.cluster import KubeCluster
from tests.deploy import release
from tests.deploy.rendering import CHART


def main(arguments: list[str]) -> None:
    """Do what one command line says."""
    parser = argparse.ArgumentParser(prog="helm", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("install", "upgrade", "rollback", "uninstall"):
        one = commands.add_parser(name, allow_abbrev=False)
        one.add_argument("release")
        one.add_argument("--namespace", required=True)
        if name in {"install", "upgrade"}:
            one.add_argument("chart", type=Path)
            one.add_argument("--values", type=Path, required=True)
        if name == "rollback":
            one.add_argument("revision", type=int, nargs="?", default=0)  # the one before
        if name != "uninstall":
            one.add_argument("--wait", action="store_true", required=True)
    given = parser.parse_args(arguments)
    kube = KubeCluster(Path(os.environ["KUBECONFIG"]))
    chart = getattr(given, "chart", CHART)
    with release.opened(kube, given.namespace, chart, given.release) as opened:
        if given.command in {"install", "upgrade"}:
            values = yaml.safe_load(given.values.read_text(encoding="utf-8"))
            (opened.install if given.command == "install" else opened.upgrade)(values)
        elif given.command == "rollback":
            opened.rollback(given.revision)
        else:
            opened.uninstall()


if __name__ == "__main__":
    main(sys.argv[1:])
