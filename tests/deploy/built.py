"""The image of ``examples/deploy/Containerfile``, built without a registry and loaded into a cluster.

A root file system of Debian's packages takes the place of the base image. It also holds PostgreSQL, so that pods with a
database need no image of their own.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.cluster import kit
from tests.cluster.cluster import KubeCluster, run_folder

ROOT = Path(__file__).parents[2]
BASE = "localhost/debian-python"
NAME = "localhost/backstage-py"
_PACKAGES = "python3,python3-venv,git,ca-certificates,postgresql"
_HOST_FILES = ("/etc/ssl/certs", "/etc/pip.conf", "/etc/xdg/pip")
"""What this machine's pip is configured by, if it is."""

_PYTHON = {
    "pip": '#!/bin/sh\nexec python3 "$(echo /usr/share/python-wheels/pip-*.whl)/pip" "$@"\n',
    "python": '#!/bin/sh\nexec python3 "$@"\n',
}
"""What an image of Python has on its path and Debian's packages have not."""


def images() -> Path:
    """Build the base and the service's image once in a run; return the folder that holds them."""
    needed = ("buildah", "mmdebstrap", "ctr")
    if missing := [name for name in needed if not shutil.which(name)]:
        pytest.skip(f"buildah, mmdebstrap and containerd, to build an image ({', '.join(missing)} missing)")
    folder = where()
    with kit.locked(folder):
        if (folder / "problem").exists():
            pytest.fail(f"the image could not be built: {(folder / 'problem').read_text(encoding='utf-8')}")
        if not (folder / "built").exists():
            try:
                _base(folder)
                build(folder)
            except AssertionError as error:  # it would take others as long, and end the same
                (folder / "problem").write_text(str(error), encoding="utf-8")
                raise
            (folder / "built").touch()
    return folder


def where() -> Path:
    """Return the folder that holds them, or will."""
    return Path(os.environ.get("BACKSTAGE_PY_TEST_IMAGES") or run_folder().parent / "images")


def unmount(folder: Path) -> None:
    """Take down what buildah keeps mounted below a folder, so that the folder can be removed."""
    mounted = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()]
    below = [one for one in mounted if Path(one).is_relative_to(folder)]
    for one in sorted(below, key=len, reverse=True):
        subprocess.run(["umount", "--lazy", one], capture_output=True, check=False)


def load(cluster: KubeCluster, folder: Path, name: str) -> str:
    """Have pods of the cluster find an image, and return its name there."""
    socket = cluster.kubeconfig.parent / "containerd.sock"
    if not socket.exists():
        pytest.skip("a cluster of the kit in BACKSTAGE_PY_CLUSTER_KIT, to load an image into")
    archive = folder / "image.tar"
    tagged = f"{name}:{_digest(folder, name)[:12]}"
    with kit.locked(folder):  # other tests load theirs
        archive.unlink(missing_ok=True)
        _run("buildah", *_store(folder), "push", "--quiet", name, f"docker-archive:{archive}:{tagged}")
        _run("ctr", "-a", str(socket), "-n", "k8s.io", "images", "import", str(archive))
        archive.unlink()
    return tagged


def of_revision(folder: Path, name: str, tree: Path) -> str:
    """Make an image that has the code of another revision in the place of this one's, and return its name."""
    container = _run("buildah", *_store(folder), "from", NAME)
    root = Path(_run("buildah", *_store(folder), "mount", container))
    packages = next(root.glob("opt/backstage-py/lib/python3*/site-packages"))
    for code in (tree / "backstage_py", tree / "actions" / "backstage_py_actions"):
        shutil.rmtree(packages / code.name)
        shutil.copytree(code, packages / code.name)
    for part in ("schemas", "skeletons"):
        shutil.copytree(tree / part, packages / "backstage_py" / "_bundled" / part)
    script = root / "opt/backstage-py/bin/backstage-py"
    script.write_text(script.read_text().replace(_entry(ROOT), _entry(tree)))
    _run("buildah", *_store(folder), "commit", "--quiet", "--rm", container, name)
    return name


def _entry(tree: Path) -> str:
    """Return the line with which the command's script begins in a revision."""
    project = tomllib.loads((tree / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, _, name = project["scripts"]["backstage-py"].partition(":")
    return f"from {module} import {name}\n"


def of_python_service(folder: Path, name: str, tree: Path, version: str) -> str:
    """Build a produced Python service by its Dockerfile, with Debian's Python in both stages, and return its name."""
    given = {"PYTHON_IMAGE": BASE, "RUNTIME_IMAGE": BASE, "VERSION": version}
    arguments = [f"--build-arg={key}={value}" for key, value in given.items()]
    for program, text in _PYTHON.items():
        (folder / program).write_text(text, encoding="utf-8")
        (folder / program).chmod(0o755)
    programs = [f"--volume={folder / program}:/usr/local/bin/{program}:ro" for program in _PYTHON]
    _run(*_building(folder), *programs, *arguments, f"--tag={name}", str(tree))
    return name


def _base(folder: Path) -> None:
    archive = folder / "base.tar"
    _run("mmdebstrap", "--mode=root", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(archive))
    container = _run("buildah", *_store(folder), "from", "scratch")
    _run("buildah", *_store(folder), "add", "--quiet", container, str(archive), "/")
    _run("buildah", *_store(folder), "commit", "--quiet", "--rm", container, BASE)
    archive.unlink()


def build(folder: Path, name: str = NAME) -> None:
    """Build the service's image on the base that is there."""
    file = ROOT / "examples/deploy/Containerfile"
    _run(*_building(folder), f"--build-arg=BASE={BASE}", f"--file={file}", f"--tag={name}", str(ROOT))


def _building(folder: Path) -> list[str]:
    volumes = [f"--volume={path}:{path}:ro" for path in _HOST_FILES if Path(path).exists()]
    options = ["--isolation=chroot", "--network=host", "--format=docker", "--timestamp=0"]
    return ["buildah", *_store(folder), "build", *options, *volumes]


def _digest(folder: Path, name: str) -> str:
    return _run("buildah", *_store(folder), "images", "--format={{.ID}}", "--no-trunc", name).removeprefix("sha256:")


def _store(folder: Path) -> list[str]:
    return [f"--root={folder / 'store'}", f"--runroot={folder / 'run'}", "--storage-driver=overlay"]


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command[:2])}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout.strip()


if __name__ == "__main__":  # ahead of the tests that wait for it
    unmount(where()) if sys.argv[1:] == ["unmount"] else images()
