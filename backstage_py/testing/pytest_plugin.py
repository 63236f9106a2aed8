"""The fixtures of the test kit, in every suite whose environment has this package. Nothing is imported before use.

``action_runner`` runs actions in a temporary workspace. ``fake_http``, ``fake_backstage``, ``fake_vault``,
``fake_kubernetes`` and ``fake_git_host`` stand in for what actions talk to; asked for together with ``action_runner``,
they are what it uses. Its clock is ``action_runner.clock``.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from backstage_py.sandbox.server import Sandbox
    from backstage_py.testing.backstage import FakeBackstage
    from backstage_py.testing.http_server import FakeHttp
    from backstage_py.testing.kubernetes import FakeKubernetes
    from backstage_py.testing.runner import ActionRunner
    from backstage_py.testing.vault import FakeVault


@pytest.fixture
def action_runner(tmp_path: Path, request: pytest.FixtureRequest) -> "ActionRunner":
    """Run an action: ``action_runner(greet, {"name": "Ada"}).outputs``."""
    from backstage_py.testing.runner import ActionRunner

    runner = ActionRunner(tmp_path / "task")
    asked = request.fixturenames
    if "fake_backstage" in asked:
        runner.backstage_url = request.getfixturevalue("fake_backstage").url
    if "fake_git_host" in asked:
        runner.integrations = request.getfixturevalue("fake_git_host").hosts
    for name in ("fake_vault", "fake_kubernetes"):
        if name in asked:
            runner.config = {**runner.config, **request.getfixturevalue(name).config}
    return runner


@pytest.fixture
def fake_http() -> "Iterator[FakeHttp]":
    """Give a server that answers as the test tells it."""
    from backstage_py.testing.http_server import FakeHttp

    with FakeHttp() as server:
        yield server


@pytest.fixture
def fake_backstage() -> "Iterator[FakeBackstage]":
    """Give a Backstage with a catalog."""
    from backstage_py.testing.backstage import FakeBackstage

    with FakeBackstage() as server:
        yield server


@pytest.fixture
def fake_vault() -> "Iterator[FakeVault]":
    """Give a Vault with a key-value engine."""
    from backstage_py.testing.vault import FakeVault

    with FakeVault() as server:
        yield server


@pytest.fixture
def fake_kubernetes() -> "Iterator[FakeKubernetes]":
    """Give a Kubernetes API server of a kind."""
    from backstage_py.testing.kubernetes import FakeKubernetes

    with FakeKubernetes() as server:
        yield server


@pytest.fixture
def fake_git_host(tmp_path: Path) -> "Iterator[Sandbox]":
    """Give a git host that takes the place of github.com."""
    from backstage_py.testing.git_host import git_host

    with git_host(tmp_path / "git-host") as host:
        yield host
