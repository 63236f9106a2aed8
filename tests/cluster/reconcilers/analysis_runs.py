"""The AnalysisRuns that a Rollout asks for, made of AnalysisTemplates with the values of their arguments."""

from typing import Any

from tests.cluster.calls import Api
from tests.cluster.reconcilers.analysis import OVER
from tests.cluster.reconcilers.replica_sets import HASH, ReplicaSets


class AnalysisRuns:
    """Those of a namespace; ``root`` is the path of its kinds."""

    def __init__(self, api: Api, root: str) -> None:
        self._api, self._path, self._templates = api, f"{root}/analysisruns", f"{root}/analysistemplates"

    def of(self, value: Any, status: Any, sets: ReplicaSets, analysis: Any, suffix: str) -> Any:
        """Return the AnalysisRun of a step or of the background, which is made when there is none yet."""
        pod_hash = status["currentPodHash"]
        name = f"{value['metadata']['name']}-{pod_hash}-{sets.of(pod_hash).revision}{suffix}"
        if found := self._api.find(f"{self._path}/{name}"):
            return found
        templates = [self._api.get(f"{self._templates}/{one['templateName']}") for one in analysis["templates"]]
        given = {one["name"]: _argument(one, value, status) for one in analysis.get("args") or []}
        asked = {one["name"]: one for template in templates for one in template["spec"].get("args") or []}
        args = [{"name": key, "value": given.get(key, one.get("value"))} for key, one in asked.items()]
        spec = {"metrics": [one for template in templates for one in template["spec"]["metrics"]], "args": args}
        owner = {"apiVersion": value["apiVersion"], "kind": "Rollout", "controller": True, "blockOwnerDeletion": True}
        owner |= {key: value["metadata"][key] for key in ("name", "uid")}
        metadata = {"name": name, "labels": {HASH: pod_hash}, "ownerReferences": [owner]}
        made = {"apiVersion": value["apiVersion"], "kind": "AnalysisRun", "metadata": metadata, "spec": spec}
        return self._api.post(self._path, made)

    def end(self, value: Any) -> None:
        for one in self._api.items(self._path):
            owners = one["metadata"].get("ownerReferences") or [{}]
            if owners[0].get("uid") == value["metadata"]["uid"] and (one.get("status") or {}).get("phase") not in OVER:
                self._api.patch(f"{self._path}/{one['metadata']['name']}", {"spec": {"terminate": True}})


def told(run: Any) -> Any:
    """Return what a Rollout says of one."""
    status = run.get("status") or {}
    said = {"message": status["message"]} if status.get("message") else {}
    return {"name": run["metadata"]["name"], "status": status.get("phase") or "Pending", **said}


def _argument(one: Any, value: Any, status: Any) -> str:
    source = one.get("valueFrom") or {}
    if which := source.get("podTemplateHashValue"):
        return str(status["currentPodHash" if which == "Latest" else "stableRS"])
    if field := source.get("fieldRef"):
        found = value
        for part in field["fieldPath"].split("."):
            found = found[part.partition("[")[0]]
            if "[" in part:
                found = found[part.partition("['")[2].removesuffix("']")]
        return str(found)
    return str(one["value"])
