"""Nodes to plain data, as `Document.toJSON()` of the JS package makes it."""

from dataclasses import dataclass, field

from backstage_py.js.values import in_key_order, is_index_key
from backstage_py.model.json import Json
from backstage_py.model.yaml import keys, scalars
from backstage_py.model.yaml.dump import flow_key
from backstage_py.model.yaml.nodes import Alias, Fault, Mapping, Node, ParsedDocument, Scalar, Sequence
from backstage_py.model.yaml.tags import CORE

MAX_ALIAS_COUNT = 100
_KNOWN_COLLECTIONS = {
    f"{CORE}map": Mapping,
    f"{CORE}set": Mapping,
    f"{CORE}seq": Sequence,
    f"{CORE}omap": Sequence,
    f"{CORE}pairs": Sequence,
}


def build(document: ParsedDocument, *, merge: bool) -> tuple[Json, list[Fault]]:
    """The document's value, and warnings about tags.

    Raises:
        Fault: an alias that nothing defines, that refers to itself, or that multiplies the data too often.
    """
    builder = _Builder(document.schema, merge or document.schema == "1.1")
    value = builder.value(document.root) if document.root is not None else None
    return value, builder.warnings


@dataclass(slots=True)
class _Anchor:
    """A node that aliases may name; `done` is False while its own value is being made."""

    node: Node
    uses: int = 1
    weight: int = 0
    done: bool = False
    value: Json = None


@dataclass(slots=True)
class _Builder:
    schema: str
    merge: bool
    warnings: list[Fault] = field(default_factory=list)
    anchors: dict[str, _Anchor] = field(default_factory=dict)
    targets: dict[int, _Anchor] = field(default_factory=dict)
    """What each alias node was resolved to, by the alias's offset."""

    def value(self, node: Node | None) -> Json:
        if node is None:
            return None
        if isinstance(node, Alias):
            return self._alias(node)
        if node.anchor is None:
            return self._plain_value(node)
        anchor = self.anchors[node.anchor] = _Anchor(node)
        anchor.value = self._plain_value(node)
        anchor.done = True
        return anchor.value

    def _plain_value(self, node: Scalar | Sequence | Mapping) -> Json:
        if isinstance(node, Scalar):
            return self._scalar(node)
        hidden = self._check_collection_tag(node)
        if isinstance(node, Sequence):
            items: Json = [self.value(item) for item in node.items]
        else:
            items = self._mapping(node)
        return {} if hidden else items

    def _scalar(self, node: Scalar) -> Json:
        try:
            value, known = scalars.tagged(node, self.schema)
        except ValueError as error:
            raise Fault(str(error), *node.tag_span) from error
        if not known:
            self.warnings.append(Fault(f"Unresolved tag: {node.tag}", *node.tag_span))
        return value

    def _check_collection_tag(self, node: Sequence | Mapping) -> bool:
        """Warns of unknown tags; True for the two kinds that JSON shows as `{}` (JS `Set` and `Map`)."""
        tag = node.tag
        if tag is None or tag == "!":
            return False
        expected = _KNOWN_COLLECTIONS.get(tag)
        if expected is not type(node):
            self.warnings.append(Fault(f"Unresolved tag: {tag}", *node.tag_span))
            return False
        return tag in {f"{CORE}set", f"{CORE}omap"}

    def _mapping(self, node: Mapping) -> dict[str, Json]:
        result: dict[str, Json] = {}
        numbered = False
        for key, item in node.pairs:
            if self.merge and isinstance(key, Scalar) and key.style == "plain" and key.text == "<<":
                self._merge_into(result, item)
                continue
            name = self._key(key)
            result[name] = self.value(item)
            numbered = numbered or is_index_key(name)
        return in_key_order(result) if numbered else result

    def _key(self, key: Node) -> str:
        value = self.value(key)
        if isinstance(value, str):
            return value
        if isinstance(value, dict | list) and not isinstance(key, Scalar):
            return flow_key(key, self.schema)
        return keys.text(value)

    def _merge_into(self, result: dict[str, Json], item: Node | None) -> None:
        sources = self._merge_sources(item)
        for source in sources:
            if not isinstance(source, dict):
                at = item.start if item else 0
                raise Fault("Merge sources must be maps or map aliases", at, at + 1, "Error")
            for name, value in source.items():
                result.setdefault(name, value)

    def _merge_sources(self, item: Node | None) -> list[Json]:
        value = self.value(item)
        return value if isinstance(value, list) else [value]

    def _alias(self, node: Alias) -> Json:
        anchor = self.anchors.get(node.name)
        if anchor is None:
            message = f"Unresolved alias (the anchor must be set before the alias): {node.name}"
            raise Fault(message, node.start, node.end, "ReferenceError")
        if not anchor.done:
            message = f"The alias {node.name} refers to the value that holds it, which JSON cannot express"
            raise Fault(message, node.start, node.end, "TypeError")
        self.targets[node.start] = anchor
        anchor.uses += 1
        if anchor.weight == 0:
            anchor.weight = self._weight(anchor.node)
        if anchor.uses * anchor.weight > MAX_ALIAS_COUNT:
            message = "Excessive alias count indicates a resource exhaustion attack"
            raise Fault(message, node.start, node.end, "ReferenceError")
        return anchor.value

    def _weight(self, node: Node | None) -> int:
        """How often aliases below a node multiply it, counted as the JS package does."""
        if isinstance(node, Alias):
            anchor = self.targets.get(node.start)
            return anchor.uses * anchor.weight if anchor else 0
        if isinstance(node, Sequence):
            return max((self._weight(item) for item in node.items), default=0)
        if isinstance(node, Mapping):
            return max((max(self._weight(key), self._weight(item)) for key, item in node.pairs), default=0)
        return 1
