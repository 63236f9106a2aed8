"""What all tests share: the report of what a machine lacks, and an environment without surprises."""

import contextlib
import gc
import logging
import os
import secrets
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog
from _pytest.nodeid import NodeId
from hypothesis import is_hypothesis_test

from tests import effort, warm

if TYPE_CHECKING:
    from tests.cluster.cluster import KubeCluster
    from tests.integrations.kube_server import KubeServer

FORBID_SKIPS = bool(os.environ.get("BACKSTAGE_PY_FORBID_SKIPS"))
MAY_LACK = os.environ.get("BACKSTAGE_PY_MAY_LACK", "").split()
"""Words: a skipped test whose reason holds one of them is forgiven; ``.ci/run`` names what a machine cannot have."""


UNSTABLE = 5
"""Tests that may pass only when tried again, in a run that does so (``BACKSTAGE_PY_RERUNS``, how often)."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave thorough tests to thorough runs, and give generated ones the time that the number of their cases takes.

    A timeout is for what hangs.
    """
    if not effort.IS_THOROUGH and not _is_chosen(config):
        later = effort.left_for_later(items)
        config.hook.pytest_deselected(items=later)
        gone = set(map(id, later))
        items[:] = [item for item in items if id(item) not in gone]
    for item in items:
        if isinstance(item, pytest.Function) and is_hypothesis_test(item.obj):
            item.add_marker(pytest.mark.timeout(300 + effort.EXAMPLES))
    if getattr(config.option, "loadgroup", False):
        _name_groups(items)


def pytest_collection_finish() -> None:
    """Leave what was read, a million objects, out of each later look for garbage."""
    gc.enable()
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give a test that is tried again all anew but what the run shares: its module's servers, databases, folders.

    What the tries before left in them, or broke, would fail this one as well. What was broken may fail to close; the
    first failure is the one to read. The time for what hangs begins anew, too: one timer is for all tries otherwise.
    """
    if getattr(item, "execution_count", 1) > 1:
        timer = item.config.pluginmanager.get_plugin("timeout")
        if timer and (settings := timer._get_item_settings(item)).timeout:
            item.ihook.pytest_timeout_cancel_timer(item=item)
            item.ihook.pytest_timeout_set_timer(item=item, settings=settings)
        again = item.config.pluginmanager.get_plugin("rerunfailures")
        assert again is not None
        again._restore_suspended_finalizers(item)  # it keeps them back, for what is shared to outlive a first try
        with contextlib.suppress(Exception):
            item.session._setupstate.teardown_exact(item.session)  # type: ignore[arg-type]  # it asks for its parents
        for server in item._fixtureinfo.name2fixturedefs.get("api_server", ()):  # type: ignore[attr-defined]
            server.finish(item._request)  # type: ignore[attr-defined]  # of the run, but it keeps what tests wrote


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Look for garbage behind each module: what its tests left open is told there, not by any test behind it."""
    yield
    if nextitem is None or nextitem.path != item.path:
        gc.collect()


def _name_groups(items: list[pytest.Item]) -> None:
    """Say in its id which group a test is of: pytest-xdist 3.8 writes that where pytest 9.2 no longer reads it."""
    for item in items:
        groups = sorted({str(mark.args[0]) for mark in item.iter_markers("xdist_group")})
        if groups and "@" not in item.nodeid.rpartition("]")[2]:
            item._id = NodeId.parse(f"{item.nodeid}@{'_'.join(groups)}")


def _is_chosen(config: pytest.Config) -> bool:
    """Whether somebody named the tests of this run: then they get all of them."""
    named = [Path(argument.split("::")[0]).resolve() for argument in config.args]
    return named != [config.rootpath / "tests"] or bool(config.option.keyword or config.option.markexpr)


sys.dont_write_bytecode = False  # what is compiled is kept, for the many processes that tests start
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

RUN = "BACKSTAGE_PY_RUN_FOLDER"
"""Names a folder that all processes of a run share."""

_OWN_FOLDER = pytest.StashKey[str]()
"""The same, of the process that made it."""


def pytest_configure(config: pytest.Config) -> None:
    """Have what must be there before any test is read and before workers start.

    That is a folder of the run, the choice of generated cases, and processes that can be interrupted: a shell's
    background job ignores SIGINT, and so would all that tests start.
    """
    gc.disable()  # nothing that is read goes before the run ends
    effort.draw(config.getoption("--hypothesis-seed", None))
    warm.install()
    if "BACKSTAGE_PY_RERUNS" in os.environ:
        config.option.reruns = int(os.environ["BACKSTAGE_PY_RERUNS"])
        config.option.rerun_show_tracebacks = True
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        os.environ[RUN] = config.stash[_OWN_FOLDER] = tempfile.mkdtemp(prefix="backstage-py-run-")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the cluster that tests of this run started, and take down the images that they built."""
    if _OWN_FOLDER not in config.stash:  # a worker, or a run that ended before it began, within another one
        return
    folder = Path(config.stash[_OWN_FOLDER])
    if (folder / "cluster").exists():
        from tests.cluster import kit

        kit.down(folder / "cluster")
    if (folder / "images").exists():
        from tests.deploy import built

        built.unmount(folder / "images")
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def kube() -> "KubeCluster":
    """A real cluster in which pods run, of all tests of the run."""
    from tests.cluster import cluster

    return cluster.find()


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator["KubeServer"]:
    """A real API server without pods, of all tests of the group ``api_server``: to start it takes seconds."""
    from tests.integrations import kube_server

    with kube_server.serve(tmp_path_factory.mktemp("kubernetes")) as running:
        yield running


@pytest.fixture
def namespace(kube: "KubeCluster") -> Iterator[str]:
    """A namespace of the test's own in it."""
    name = kube.new_namespace()
    yield name
    kube.remove(name)


@pytest.fixture
def api_group(kube: "KubeCluster", namespace: str) -> Iterator[str]:
    """An API group of the test's own, whose definitions go with the test."""
    group = f"{namespace}.example.org"
    yield group
    _remove_group(kube, group)


@pytest.fixture(scope="session")
def claims_group(kube: "KubeCluster") -> Iterator[str]:
    """The API group in which tests of this process have what ``platform.version_1`` offers."""
    group = f"claims-{secrets.token_hex(4)}.example.org"
    yield group
    _remove_group(kube, group)


@pytest.fixture(scope="session")
def composites_group(kube: "KubeCluster") -> Iterator[str]:
    """The same for ``platform.version_2``."""
    group = f"composites-{secrets.token_hex(4)}.example.org"
    yield group
    _remove_group(kube, group)


def _remove_group(kube: "KubeCluster", group: str) -> None:
    from tests.cluster import crds
    from tests.cluster.reconcilers import crossplane

    for one in kube.api.items(crossplane.DEFINITIONS) if kube.has_loaded("crossplane") else []:
        if one["spec"]["group"] == group:
            kube.api.delete(f"{crossplane.DEFINITIONS}/{one['metadata']['name']}")
    crds.remove(kube.api, group)


@pytest.fixture(autouse=True)
def _no_foreign_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the developer's own git and Backstage configuration out of the tests."""
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "no-configuration"))
    monkeypatch.delenv("BACKSTAGE_PY_TRUST", raising=False)
    for name in [name for name in os.environ if name.startswith("APP_CONFIG_")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Undo what a command that ran in this process did to logging: its stream is closed when it ends."""
    handlers = logging.getLogger().handlers[:]
    level = logging.getLogger().level
    yield
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)
    structlog.reset_defaults()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests a plain run left out, and by name what the machine lacks and how many tests wait for it."""
    if (left := len(terminalreporter.stats.get("deselected", []))) and not effort.IS_THOROUGH:
        terminalreporter.write_line(f"{left} tests wait for CI, or for BACKSTAGE_PY_EXAMPLES=1000")
    if unstable := _tried_again(terminalreporter):
        terminalreporter.section(f"unstable: failed the first time, and to be mended (at most {UNSTABLE} in a run)")
        for id_ in sorted(unstable):
            terminalreporter.write_line(id_)
    reasons = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", []))
    if not reasons:
        return
    terminalreporter.section("this machine lacks")
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"{reason} ({count} {'test' if count == 1 else 'tests'} skipped)")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail a run that skipped something where skipping is forbidden, as in CI, or that had to try too much again."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    unforgiven = [one for one in skipped if not any(word in _reason(one) for word in MAY_LACK)]
    too_many = reporter is not None and len(_tried_again(reporter)) > UNSTABLE
    if exitstatus == pytest.ExitCode.OK and (too_many or (FORBID_SKIPS and unforgiven)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _tried_again(reporter: pytest.TerminalReporter) -> set[str]:
    return {report.nodeid for report in reporter.stats.get("rerun", [])}


def _reason(report: pytest.TestReport) -> str:
    where = report.longrepr
    text = where[2] if isinstance(where, tuple) else str(where)
    return text.removeprefix("Skipped: ")
