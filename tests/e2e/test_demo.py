"""``backstage-py demo`` as a user runs it, each time in a folder of its own."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests import patience

PLAIN = {**os.environ, "NO_COLOR": "1", "TERM": "dumb", "PYTHONUNBUFFERED": "1"}


def command(folder: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "backstage_py.cli", "demo", "--folder", str(folder), *more]


def demo(folder: Path, *more: str) -> str:
    done = subprocess.run(
        command(folder, *more), capture_output=True, text=True, env=PLAIN, timeout=patience.SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def clone(text: str, target: Path) -> None:
    found = re.search(r"git clone (\S+)", text)
    assert found, text
    subprocess.run(["git", "clone", "--quiet", found[1], str(target)], check=True, capture_output=True)


@pytest.mark.thorough
def test_the_demo_ends_with_a_repository_that_git_can_clone_and_works_again(tmp_path: Path) -> None:
    for turn in ("first", "second"):
        text = demo(tmp_path / "demo", "--port", "0")
        for step in ("Scaffold repo", "Publish to GitHub", "Register in catalog", "Provision database"):
            assert f"{step}: completed" in text
        assert "/api/catalog/entities/by-name/component/default/" in text
        clone(text, tmp_path / turn)
        assert (tmp_path / turn / "main.go").is_file()
        assert "kind: Component" in (tmp_path / turn / "catalog-info.yaml").read_text()
        assert "kind: " in database_request(tmp_path / "demo")


def database_request(folder: Path) -> str:
    """Return the only manifest that was committed to the platform's repository."""
    bare = next(folder.glob("sandbox/**/database-requests.git"))
    git = ["git", "--git-dir", str(bare)]
    listed = subprocess.run([*git, "ls-tree", "-r", "--name-only", "HEAD"], capture_output=True, text=True, check=True)
    manifests = [name for name in listed.stdout.splitlines() if name.endswith(".yaml")]
    assert len(manifests) == 1
    return subprocess.run([*git, "show", f"HEAD:{manifests[0]}"], capture_output=True, text=True, check=True).stdout


@pytest.mark.thorough
def test_without_the_database_that_step_is_skipped_and_a_taken_port_is_replaced(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        text = demo(tmp_path / "demo", "--port", str(port), "--no-database")
    assert f"Port {port} is taken; using " in text
    assert "Provision database: skipped" in text
    assert not list((tmp_path / "demo").glob("sandbox/**/database-requests.git"))


@pytest.mark.thorough
def test_a_name_that_the_form_refuses_is_said_and_fails(tmp_path: Path) -> None:
    shown = subprocess.run(
        command(tmp_path / "demo", "--port", "0", "--name", "Not A Name"),
        capture_output=True,
        text=True,
        env=PLAIN,
        timeout=patience.SECONDS,
        check=False,
    )
    assert shown.returncode == 1
    assert "name" in shown.stderr
    assert "Traceback" not in shown.stderr + shown.stdout


@pytest.mark.thorough
@pytest.mark.parametrize("keep", [True, False])
def test_an_interrupt_stops_everything(tmp_path: Path, keep: bool) -> None:
    arguments = command(tmp_path / "demo", "--port", "0", *(["--keep"] if keep else []))
    log = (tmp_path / "out.log").open("w+")
    child = subprocess.Popen(arguments, stdout=log, stderr=subprocess.STDOUT, env=PLAIN)
    wanted = "until you press Ctrl-C" if keep else "Signed in as"
    patience.wait(lambda: wanted in (tmp_path / "out.log").read_text() or child.poll() is not None)
    text = (tmp_path / "out.log").read_text()
    found = re.search(r"http://127\.0\.0\.1:(\d+)", text + (tmp_path / "demo" / "app-config.yaml").read_text())
    assert found
    child.send_signal(signal.SIGINT)
    assert child.wait(timeout=patience.SECONDS) in (130, 0)
    log.close()
    assert "Traceback" not in (tmp_path / "out.log").read_text()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(found[1]))) != 0


def test_a_folder_that_is_not_a_former_demos_is_left_alone(tmp_path: Path) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("mine")
    shown = subprocess.run(
        command(tmp_path), capture_output=True, text=True, env=PLAIN, timeout=patience.SECONDS, check=False
    )
    assert shown.returncode == 1
    assert "--folder" in shown.stderr
    assert precious.read_text() == "mine"
