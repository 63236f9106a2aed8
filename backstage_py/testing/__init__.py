"""The test kit for actions, filters and globals: run one without a server, against fakes of what it talks to.

Fakes stand where the network is: HTTP servers on loopback that take the place of Backstage, Kubernetes, Vault and the
git host, so that the adapters and client libraries between are the real ones. Time is a clock that a test moves.

``run_action`` and ``ActionRunner`` are the doors; ``pytest_plugin`` offers fixtures to every test suite in whose
environment this package is installed; ``catalog`` sends one entity through the real pipeline with an author's catalog
plugins. Nothing of a running service belongs here.
"""

from backstage_py.plugin import PermanentError, TemporaryError
from backstage_py.testing.backstage import FakeBackstage
from backstage_py.testing.clock import FakeClock
from backstage_py.testing.effects import Effects
from backstage_py.testing.git_host import git_host, integrations_of
from backstage_py.testing.http_server import FakeHttp, Received, Reply
from backstage_py.testing.kubernetes import FakeKubernetes
from backstage_py.testing.runner import ActionResult, ActionRunner, Log, run_action
from backstage_py.testing.vault import FakeVault

__all__ = [
    "ActionResult",
    "ActionRunner",
    "Effects",
    "FakeBackstage",
    "FakeClock",
    "FakeHttp",
    "FakeKubernetes",
    "FakeVault",
    "Log",
    "PermanentError",
    "Received",
    "Reply",
    "TemporaryError",
    "git_host",
    "integrations_of",
    "run_action",
]
