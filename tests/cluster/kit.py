"""The program that starts a cluster in which pods run, where it lies beside the checkout.

BACKSTAGE_PY_CLUSTER_KIT names its folder; it takes ``up DIR --port N``, ``image DIR NAME ROOT -- COMMAND…`` and
``down DIR``.
"""

import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
_PORTS = range(16440, 16500, 10)  # each cluster takes ten, and a network of its own by the last two digits


def program() -> Path | None:
    """The kit's program, None where there is none that this user and machine can run."""
    folder = os.environ.get("BACKSTAGE_PY_CLUSTER_KIT") or str(ROOT.parent / "shared" / "kubernetes-cluster")
    found = Path(folder, "cluster")
    return found if sys.platform == "linux" and os.geteuid() == 0 and os.access(found, os.X_OK) else None


def up(folder: Path) -> Path:
    """Start a cluster, unless one runs in the folder already, and return its kubeconfig."""
    with locked(folder):
        kubeconfig = folder / "kubeconfig"
        if not (folder / "is-up").exists():
            shutil.rmtree(folder / "loaded", ignore_errors=True)  # a new cluster has none of the former one's images
            _run("up", str(folder), "--port", str(_free_port()))
            keep_address(folder)
            (folder / "is-up").touch()
        return kubeconfig


def keep_address(folder: Path) -> None:
    """Give the bridge of the pods an address that stays.

    A bridge without one has that of one of its ports: when that pod goes, all others talk to nobody for up to a minute.
    """
    bridge = (folder / "bridge").read_text()
    address = Path(f"/sys/class/net/{bridge}/address").read_text().strip()
    known = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    subprocess.run(["ip", "link", "set", "dev", bridge, "address", address], env=known, check=True)


def down(folder: Path) -> None:
    """Stop the cluster of a folder, if there is one."""
    with locked(folder):
        if (folder / "bridge").exists():
            _run("down", str(folder))
        (folder / "is-up").unlink(missing_ok=True)


def load_image(folder: Path, name: str, root: Path, command: list[str]) -> None:
    """Make an image of a folder and load it; done once for each name and cluster."""
    done = folder / "loaded" / name.replace("/", "+")
    with locked(folder):
        if not done.exists():
            _run("image", str(folder), name, str(root), "--", *command)
            done.parent.mkdir(exist_ok=True)
            done.touch()


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time: the workers of a run share a cluster."""
    folder.mkdir(parents=True, exist_ok=True)
    with Path(f"{folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(*arguments: str) -> None:
    found = program()
    assert found, "the cluster kit is missing"
    done = subprocess.run([str(found), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"cluster {arguments[0]}: {done.stdout}{done.stderr}"


def _free_port() -> int:
    return next(port for port in _PORTS if _is_free(port))


def _is_free(port: int) -> bool:
    if Path(f"/sys/class/net/cni{port % 10000}").exists():
        return False
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) != 0
