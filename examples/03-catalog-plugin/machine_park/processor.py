"""The processor: a link to the runbook that an annotation names."""

from typing import Any

from backstage_py.plugin.catalog import ProcessingContext, Processor

ANNOTATION = "machine-park.example/runbook"


class Runbooks(Processor):
    """Adds a link to components.

    Args:
        base: URL below which the runbooks are.
    """

    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = base

    async def pre_process(self, entity: dict[str, Any], context: ProcessingContext) -> dict[str, Any]:
        """Return the entity with the link; a runbook's name that is no path segment is reported."""
        name = (entity["metadata"].get("annotations") or {}).get(ANNOTATION)
        if entity["kind"] != "Component" or not name:
            return entity
        if not name.replace("-", "").isalnum():
            context.emit.error(
                f"{ANNOTATION} must be letters, digits and dashes, but it is {name!r}", name="InputError"
            )
            return entity
        link = {"url": f"{self._base}/{name}", "title": "Runbook"}
        metadata = entity["metadata"]
        return {**entity, "metadata": {**metadata, "links": [*(metadata.get("links") or ()), link]}}
