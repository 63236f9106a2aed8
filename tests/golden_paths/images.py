"""Images of what a golden path produces, made by its Dockerfile without a registry.

The first stage's compiling is run on this machine, by the words of the Dockerfile; the last stage's instructions are
run by buildah, on an empty base. A cluster of the kit gets the result by its digest, as a registry would give it.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.cluster import KubeCluster, run_folder
from tests.golden_paths import toolchain


@dataclass(frozen=True)
class Images:
    """A place where images are made, and the cluster that gets them."""

    kube: KubeCluster
    folder: Path

    def build(self, tree: Path, repository: str, version: str) -> str:
        """Build the image of a work tree, load it, and return its digest."""
        stages = _stages((tree / "Dockerfile").read_text(encoding="utf-8"))
        made = self.folder / version
        shutil.copytree(tree, made / "src", ignore=shutil.ignore_patterns(".git"))
        self._compile(stages[0], made / "src", made / "root", version)
        self._assemble(stages[-1], made, version)
        return self._load(made, repository)

    def _compile(self, stage: list[str], source: Path, root: Path, version: str) -> None:
        """Run what the first stage runs, with its ``/out`` in a folder."""
        (root / "out").mkdir(parents=True)
        env = toolchain.found(source).environment | {"VERSION": version}
        for line in [one.removeprefix("RUN ") for one in stage if one.startswith("RUN ")]:
            command = re.sub(r"--mount=\S+ ", "", line).replace(" /out/", f" {root}/out/")
            done = subprocess.run(command, shell=True, cwd=source, env=env, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"

    def _assemble(self, stage: list[str], made: Path, version: str) -> None:
        _, *instructions = stage
        (made / "Dockerfile").write_text("\n".join(["FROM scratch", *instructions]) + "\n", encoding="utf-8")
        contexts = {one for line in instructions for one in re.findall(r"--from=(\S+)", line)}
        given = [f"--build-context={one}={made / 'root'}" for one in contexts]
        given.append(f"--build-arg=VERSION={version}")
        options = ["--isolation=chroot", "--format=oci", "--timestamp=0", f"--file={made / 'Dockerfile'}"]
        _run("buildah", *self._store, "build", *options, *given, "--tag=localhost/service", str(made / "src"))

    def _load(self, made: Path, repository: str) -> str:
        archive, digest = made / "image.tar", made / "digest"
        _run(
            "buildah", *self._store, "push", "--quiet", f"--digestfile={digest}", "localhost/service",
            f"oci-archive:{archive}",
        )  # fmt: skip
        socket = self.kube.kubeconfig.parent / "containerd.sock"
        into = ["ctr", "-a", str(socket), "-n", "k8s.io", "images", "import", "--digests", "--base-name", repository]
        _run(*into, str(archive))
        shutil.rmtree(made / "src")
        archive.unlink()
        return digest.read_text(encoding="utf-8")

    @property
    def _store(self) -> list[str]:
        return [f"--root={self.folder / 'store'}", f"--runroot={self.folder / 'run'}", "--storage-driver=overlay"]


def place(kube: KubeCluster) -> Images:
    """Return where this process makes images, or skip."""
    if missing := [name for name in ("buildah", "ctr") if not shutil.which(name)]:
        pytest.skip(f"buildah and containerd, to build an image ({', '.join(missing)} missing)")
    if not (kube.kubeconfig.parent / "containerd.sock").exists():
        pytest.skip("a cluster of the kit in BACKSTAGE_PY_CLUSTER_KIT, to load an image into")
    folder = run_folder().parent / "images" / f"golden-paths-{os.getpid()}"
    folder.mkdir(parents=True)
    return Images(kube, folder)


def _stages(text: str) -> list[list[str]]:
    """Return the instructions of each stage, continued lines as one."""
    whole = re.sub(r"\\\n\s*", " ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    lines = [line.strip() for line in whole.splitlines() if line.strip()]
    starts = [index for index, line in enumerate(lines) if line.startswith("FROM ")]
    return [lines[start:end] for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)]


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command[:4])}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout.strip()
