"""A resource as the catalog has it, and as answers show it; pure."""

from collections.abc import Sequence

from backstage_py.integrations.crossplane import composing, orders
from backstage_py.integrations.crossplane.provisioned import Part, Provisioned
from backstage_py.integrations.crossplane.tree import Node
from backstage_py.model.json import JsonObject

_LONGEST_NAME = 63


def entity(found: Provisioned, base_url: str) -> JsonObject:
    """Return the ``Resource`` of the catalog: owned by the team, depended on by the service, linked to its objects.

    Args:
        found: the resource.
        base_url: of ``/api/crossplane``, from which its links lead on.
    """
    offer, team = found.offer, found.team
    url = f"{base_url}/{offer.name}/{found.namespace}/{found.name}"
    links = [{"url": _link(found, one) or f"{url}?environment={one.environment}",
              "title": f"{one.environment}: {_title(one)}"} for one in found.parts]  # fmt: skip
    annotations = {f"{orders.PREFIX}/{offer.name}-{one.environment}": _title(one) for one in found.parts}
    return {
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Resource",
        "metadata": {
            "name": f"{found.name}-{offer.name}"[:_LONGEST_NAME].rstrip("-_."),
            "title": f"{offer.name} of {found.name}",
            "annotations": annotations,
            "links": links,
        },
        "spec": {
            "type": offer.entity_type,
            "owner": offer.owner.format(team=team),
            "dependencyOf": [f"component:default/{found.name}"],
        },
    }


def _link(found: Provisioned, part: Part) -> str | None:
    """Return where a person looks at an object: as the operator says, else its file in the repository."""
    metadata = (part.object or {}).get("metadata") or {}
    if found.offer.link:
        return found.offer.link.format(
            cluster=part.cluster, environment=part.environment, kind=found.offer.kind,
            namespace=metadata.get("namespace"), name=metadata.get("name"),
        )  # fmt: skip
    return part.delivery.page if part.delivery else None


def _title(part: Part) -> str:
    value = part.object or {}
    metadata = value.get("metadata") or {}
    return f"{part.cluster}/{value.get('kind')}/{metadata.get('namespace')}/{metadata.get('name')}".lstrip("/")


def shown(found: Provisioned, base_url: str) -> JsonObject:
    """Return a resource as answers show it; of secrets only where they are."""
    return {
        "resource": found.offer.name,
        "namespace": found.namespace,
        "name": found.name,
        "team": found.team,
        "url": f"{base_url}/{found.offer.name}/{found.namespace}/{found.name}",
        "ready": all(_is_ready(one) for one in found.parts),
        "environments": {one.environment: _part(found, one) for one in found.parts},
        "entity": entity(found, base_url),
    }


def leaving(found: Provisioned, others: Sequence[Part], *, orphan: bool) -> JsonObject:
    """Return what goes and what remains after a resource was deleted.

    Args:
        found: what was deleted.
        others: the environments that were not.
        orphan: what the cloud has stays there.
    """
    kept = [_kept(part, node) for part in found.parts if orphan and part.root for node in part.root.leaves()]
    return {
        "resource": found.offer.name,
        "namespace": found.namespace,
        "name": found.name,
        "deleting": [{"environment": one.environment, "object": _title(one), **_delivery(one)} for one in found.parts],
        "remains": [
            *({"environment": one.environment, "object": _title(one), "why": "not deleted"} for one in others),
            *kept,
        ],
    }


def _kept(part: Part, node: Node) -> JsonObject:
    made: JsonObject = {"environment": part.environment, "object": f"{part.cluster}/{node.ref}"}
    return {**made, "externalName": node.external_name, "why": "orphaned: it stays in the cloud, and costs money there"}


def _part(found: Provisioned, part: Part) -> JsonObject:
    value = part.object or {}
    metadata = value.get("metadata") or {}
    request = orders.request_of(value) if value else {}
    made: JsonObject = {
        "cluster": part.cluster,
        "apiVersion": value.get("apiVersion"),
        "kind": value.get("kind"),
        "name": metadata.get("name"),
        "size": request.get("size"),
        "secretRef": _secret(found, value),
        "protected": found.offer.is_protected(value),
    }
    made |= _delivery(part)
    if part.delivery is not None and part.root is None:
        made |= {"ready": False, "status": str(part.delivery.state)}
    if part.change:
        made["change"] = part.change
    if part.root is not None:
        wrong = part.root.deepest_error()
        stands = composing.verdict(value, part.root).text
        made |= {"ready": _is_ready(part), "status": stands, "tree": _tree(part.root)}
        if wrong is not None:
            made["error"] = f"{wrong.ref}: {wrong.error}"
    return made


def _delivery(part: Part) -> JsonObject:
    return {} if part.delivery is None else {"delivery": part.delivery.shown()}


def _is_ready(part: Part) -> bool:
    if part.root is None or part.object is None or part.root.deepest_error() is not None:
        return False
    return composing.verdict(part.object, part.root).is_done


def _secret(found: Provisioned, value: JsonObject) -> JsonObject | None:
    """Return where the connection's Secret is: what the object says, else what the operator's pattern does."""
    metadata, spec = value.get("metadata") or {}, value.get("spec") or {}
    named = (spec.get("writeConnectionSecretToRef") or {}).get("name")
    pattern = found.offer.connection_secret
    name = named or (pattern.format(name=metadata.get("name")) if pattern else None)
    return {"namespace": found.namespace, "name": name} if name else None


def _tree(node: Node) -> JsonObject:
    made: JsonObject = {"object": str(node.ref), "status": node.text, "ready": node.is_ready}
    return {**made, "parts": [_tree(one) for one in node.parts]} if node.parts else made
