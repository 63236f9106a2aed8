"""The admission of a cluster as a policy: manifests are applied in a dry run of the server, which asks its webhooks.

So Kyverno, Gatekeeper and their like judge what they would judge later, with policies as they are in the cluster now.
What they only warn of is a warning here, too: Kyverno's policies in audit mode do so with ``emitWarning: true``.
"""

from collections.abc import Iterator

from backstage_py.errors import BackstageError, InputError
from backstage_py.integrations.kubernetes import denials, refs
from backstage_py.integrations.kubernetes.api import Api
from backstage_py.integrations.policy.findings import Finding
from backstage_py.integrations.policy.subject import File, Subject
from backstage_py.model.json import JsonObject

_MOST_OBJECTS = 500


async def judge(kube: Api, subject: Subject, policy: str, namespace: str | None) -> list[Finding]:
    """Return what the admission of a cluster holds against the manifests among the files.

    Raises:
        InputError: there are too many. BackstageError: the cluster refuses one for another reason, which is said with
            file and line, or does not answer.
    """
    manifests = list(_manifests(subject))
    if len(manifests) > _MOST_OBJECTS:
        raise InputError(f"The policy '{policy}' is asked about {_MOST_OBJECTS} objects at most; narrow 'paths'")
    found: list[Finding] = []
    for file, line, value in manifests:
        warned: list[str] = []
        try:
            await kube.apply(_placed(value, namespace), force=True, dry_run=True, warned=warned)
        except BackstageError as error:
            said = denials.read(error.message)
            if not said:
                raise error.reworded(f"{file.path}:{line}: {error.message}") from error
            name = str(refs.of(value, namespace))
            found += [
                Finding(one.policy or one.webhook or policy, one.rule, f"{name}: {one.message}", False, file.path, line)
                for one in said
            ]
        name = str(refs.of(value, namespace))
        for one in map(denials.warning, warned):
            found.append(Finding(one.policy or policy, one.rule, f"{name}: {one.message}", True, file.path, line))
    return found


def _placed(value: JsonObject, namespace: str | None) -> JsonObject:
    if not namespace or value["metadata"].get("namespace"):
        return value
    return {**value, "metadata": {**value["metadata"], "namespace": namespace}}


def _manifests(subject: Subject) -> Iterator[tuple[File, int, JsonObject]]:
    """Yield what looks like an object of Kubernetes, with its place; the items of a ``List`` stand for it."""
    for file, index, value in subject.documents():
        listed = value.get("items") if isinstance(value, dict) and value.get("kind") == "List" else None
        for number, one in enumerate(listed if isinstance(listed, list) else [value]):
            if _is_object(one):
                yield file, file.line(index, ["items", number] if listed else []), one


def _is_object(value: object) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("metadata"), dict):
        return False
    names = (value.get("apiVersion"), value.get("kind"), value["metadata"].get("name"))
    return all(isinstance(one, str) for one in names)
