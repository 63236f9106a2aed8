"""What is waited for, as ``kubectl wait --for`` writes it, and more.

``ready``, ``rollout``, ``job``, ``create``, ``delete``, ``condition=Ready``, ``condition=Ready=False``,
``jsonpath={.status.phase}=Running`` and ``jsonpath={.status.loadBalancer.ingress}``.
"""

from functools import partial

from backstage_py.errors import InputError
from backstage_py.integrations.kubernetes import jsonpath, readiness
from backstage_py.integrations.kubernetes.readiness import Judge, Verdict, done, pending
from backstage_py.model.json import JsonObject

_FORMS = "ready, rollout, job, create, delete, condition=Type, condition=Type=Status or jsonpath={.path}=value"


def parse(text: str) -> Judge:
    """Return what judges an object.

    Raises:
        InputError: it is none of the forms above.
    """
    word, _, rest = text.partition("=")
    match word.strip().lower():
        case "ready" | "rollout" | "job" if not rest:
            return readiness.ready
        case "create" if not rest:
            return _created
        case "delete" if not rest:
            return _deleted
        case "condition" if rest:
            type_, _, status = rest.partition("=")
            return partial(_condition, type_.strip(), status.strip() or "True")
        case "jsonpath" if rest:
            path, has_value, wanted = _split(rest)
            return partial(_path, jsonpath.parse(path), wanted if has_value else None)
    raise InputError(f"'{text}' is nothing to wait for; write {_FORMS}")


def _split(text: str) -> tuple[str, bool, str]:
    """Split ``{.a[?(@.b=="c")].d}=e`` where its braces end; without braces at the last sign that is alone."""
    if text.startswith("{") and "}" in text:
        end = text.rindex("}") + 1
        path, rest = text[:end], text[end:]
        return path, rest.startswith("="), rest.removeprefix("=").strip("'\"")
    path, sign, wanted = text.rpartition("=")
    return (path, True, wanted.strip("'\"")) if sign and not path.endswith(("=", "!")) else (text, False, "")


def _created(value: JsonObject | None) -> Verdict:
    return done("there") if value is not None else pending("not there")


def _deleted(value: JsonObject | None) -> Verdict:
    if value is None:
        return done("gone")
    metadata = value["metadata"]
    if not metadata.get("deletionTimestamp"):
        return pending("still there")
    held = ", ".join(metadata.get("finalizers") or [])
    return pending(f"being deleted, held by {held}" if held else "being deleted")


def _condition(type_: str, status: str, value: JsonObject | None) -> Verdict:
    if value is None:
        return pending("not there")
    found = readiness.condition(value, type_)
    if found is None:
        return pending(f"no condition {type_} yet")
    if not readiness.is_observed(value, found):
        return pending("its controller has not seen it yet")
    is_so = str(found.get("status")).lower() == status.lower()
    return (done if is_so else pending)(readiness.described(found))


def _path(path: jsonpath.Path, wanted: str | None, value: JsonObject | None) -> Verdict:
    if value is None:
        return pending("not there")
    found = [jsonpath.as_text(one) for one in path.values(value)]
    text = f"{path.text} is {', '.join(found) if found else 'not there'}"
    return (done if (found if wanted is None else wanted in found) else pending)(text)
