"""How Applications and Flux's objects stand, by what their status says."""

from functools import partial
from typing import Any

import pytest

from backstage_py.integrations.gitops import applications, flux, revisions
from backstage_py.integrations.gitops.faults import Lasting

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SOURCE = {"repoURL": "https://github.com/acme/shop", "path": "deploy"}


def application(**status: Any) -> Any:
    whole = {
        "sync": {"status": "Synced", "revision": COMMIT, "comparedTo": {"source": SOURCE}},
        "health": {"status": "Healthy"},
    }
    spec = {"project": "default", "source": SOURCE, "destination": {"namespace": "shop"}}
    return {"metadata": {"name": "shop"}, "spec": spec, "status": whole | status}


def sync(status: str, **more: Any) -> Any:
    return {"status": status, "revision": COMMIT, "comparedTo": {"source": SOURCE}, **more}


def failed(phase: str, revision: str = COMMIT) -> Any:
    return {"phase": phase, "message": "one or more failed", "syncResult": {"revision": revision}}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "not there"),
        (application(sync={}), "Argo CD has not compared it as it is now"),
        (
            application(sync=sync("Synced", comparedTo={"source": {**SOURCE, "path": "old"}})),
            "not compared it as it is",
        ),
        (application(sync=sync("OutOfSync")), "OutOfSync"),
        (application(operationState={"phase": "Running", "message": "wave 2"}), "syncing: wave 2"),
        (application(sync=sync("OutOfSync"), operationState=failed("Failed", "an earlier one")), "OutOfSync"),
        (application(health={"status": "Progressing"}), "Synced at 0123456, Progressing"),
        (application(health={"status": "Suspended"}), "Synced at 0123456, Suspended"),
    ],
)
def test_an_application_is_not_there_yet(value: Any, text: str) -> None:
    verdict = applications.judge(value)
    assert text in verdict.text
    assert not verdict.is_done
    assert not verdict.has_failed


def test_a_look_that_was_asked_for_comes_first() -> None:
    value = application()
    assert applications.judge(value).is_done
    value["metadata"]["annotations"] = {applications.REFRESH: "normal"}
    assert applications.judge(value).text == "Argo CD has not looked again yet"


def test_several_sources_have_several_revisions() -> None:
    value = application(sync={"status": "Synced", "revisions": ["1.2.3", COMMIT], "comparedTo": {"source": SOURCE}})
    assert applications.judge(value, revision="1.2.3").is_done
    assert applications.judge(value, revision=COMMIT[:9]).is_done
    assert not applications.judge(value, revision="1.2").is_done


def test_a_sync_that_failed_for_this_revision_is_final() -> None:
    verdict = applications.judge(application(sync=sync("OutOfSync"), operationState=failed("Error")))
    assert verdict.has_failed
    assert verdict.text == "sync error: one or more failed"


def test_what_passes_is_no_failure_and_what_stays_is_one() -> None:
    now = 0.0
    judge = Lasting(partial(applications.judge, revision=None), 10, lambda: now)
    bad = application(conditions=[{"type": "ComparisonError", "message": "repository not accessible"}])
    assert not judge(bad).has_failed
    now = 9
    assert judge(application()).is_done
    now = 18
    assert not judge(bad).has_failed
    now = 28
    assert judge(bad).has_failed
    assert judge(bad).text == "ComparisonError: repository not accessible"


def release(**status: Any) -> Any:
    return {"metadata": {"name": "cache", "namespace": "team", "generation": 2}, "spec": {}, "status": status}


def ready(status: str, reason: str, generation: int = 2) -> Any:
    return {"type": "Ready", "status": status, "reason": reason, "observedGeneration": generation}


def test_a_status_of_an_earlier_form_does_not_count() -> None:
    assert flux.judge(release(conditions=[ready("True", "Succeeded", 1)])).text == "Flux has not seen it yet"
    assert not flux.judge(release(conditions=[ready("True", "Succeeded")], observedGeneration=1)).is_done
    assert flux.judge(release(conditions=[ready("True", "Succeeded")], observedGeneration=2)).is_done


def test_a_look_of_flux_that_was_asked_for_comes_first() -> None:
    value = release(conditions=[ready("False", "InstallFailed")], lastHandledReconcileAt="1")
    assert flux.judge(value, requested_at="2").text == "Flux has not looked again yet; Ready=False (InstallFailed)"
    assert flux.judge(value, requested_at="1").text == "Ready=False (InstallFailed)"


def test_who_waits_for_another_does_not_fail() -> None:
    judge = Lasting(flux.judge, 0, lambda: 0.0)
    assert not judge(release(conditions=[ready("False", "DependencyNotReady")])).has_failed
    assert judge(release(conditions=[ready("False", "BuildFailed")])).has_failed


def test_a_release_that_is_suspended_will_not_come() -> None:
    value = release()
    value["spec"] = {"suspend": True}
    assert flux.judge(value).has_failed


def test_the_version_of_a_chart_is_that_of_the_newest_release() -> None:
    value = release(
        conditions=[ready("True", "Succeeded")], history=[{"chartVersion": "20.1.0"}, {"chartVersion": "19.0.0"}]
    )
    assert flux.judge(value, revision="20.1.0").is_done
    assert not flux.judge(value, revision="19.0.0").is_done


@pytest.mark.parametrize(
    ("wanted", "found", "same"),
    [
        (COMMIT, f"main@sha1:{COMMIT}", True),
        (COMMIT[:7], f"main@sha1:{COMMIT}", True),
        (COMMIT[:6], COMMIT, False),
        ("main", f"main@sha1:{COMMIT}", False),
        ("1.2.3", "1.2.3", True),
        ("1.2.3", "1.2.30", False),
        ("", COMMIT, False),
    ],
)
def test_a_commit_may_be_shortened(wanted: str, found: str, same: bool) -> None:
    assert revisions.matches(wanted, found) is same
