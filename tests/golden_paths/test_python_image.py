"""The image of the produced Python service: built by its Dockerfile, with Debian's Python in both stages."""

import json
import os
from pathlib import Path

import pytest

from tests.deploy import built
from tests.golden_paths import process, produced

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(900)]

_RUN = """#!/bin/sh
exec unshare --mount sh -ec '
  mount --bind {root} {root}
  mount -o remount,bind,ro {root}
  mount --bind /proc {root}/proc
  mount -t tmpfs tmpfs {root}/tmp
  exec chroot --userspec={user} {root} env -C {folder} {command}'
"""
"""What a container engine does that is told to run it as the chart says: its own user, and a root that is read only."""


def test_it_runs_as_nobody_on_a_root_that_cannot_be_written(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("buildah as root, to build and run an image")
    tree = produced.produce(produced.skeleton("python"), tmp_path / "repository")
    images = built.images()
    root, image = built.mounted(images, built.of_python_service(images, "localhost/produced", tree, "1a2b3c"))
    assert image["User"] == "65532:65532"
    assert image["Labels"]["org.opencontainers.image.revision"] == "1a2b3c"
    program = tmp_path / "run"
    command = " ".join(image["Entrypoint"])
    program.write_text(_RUN.format(root=root, user=image["User"], folder=image["WorkingDir"], command=command))
    program.chmod(0o755)

    with process.running(program, **dict(one.split("=", 1) for one in image["Env"])) as service:
        about = {"service": produced.NAME, "team": produced.TEAM, "version": "1a2b3c"}
        assert json.loads(service.get("/").body) == about
        assert service.get("/readyz").status == 200
        assert "process_start_time_seconds" in service.get("/metrics").body
        service.terminate()
        status, rest = service.ended()
    assert status == 0
    assert [one["path"] for one in rest if one["msg"] == "request"] == ["/"]
