"""The page about all instruments, made of what they say of themselves."""

from collections.abc import Iterable, Iterator

from backstage_py.metrics import catalog, executors, process, reporting, scaffolder, shared
from backstage_py.metrics.exposition import is_exported_twice
from backstage_py.metrics.instruments import Instrument, Kind, declared

__all__ = ["exported_names", "table"]

_GROUPS = (
    ("Tasks and steps", scaffolder),
    ("Steps in pods", executors),
    ("Catalog", catalog),
    ("Requests, database, permissions, processes", process),
    ("The platform", reporting),
    ("The shared database", shared),
)
_PARTS = {Kind.HISTOGRAM: ("_bucket", "_sum", "_count"), Kind.SUMMARY: ("_sum", "_count")}


def exported_names() -> set[str]:
    """Return the names of all series that a scrape may hold, without those of the client library about a process."""
    return {name for one in declared() for name in _names(one)}


def table() -> str:
    """Return the tables, in Markdown."""
    return "\n".join(line for title, module in _GROUPS for line in _group(title, vars(module).values()))


def _group(title: str, values: Iterable[object]) -> Iterator[str]:
    yield from (f"### {title}", "", "| name | kind | labels | what | whose name |", "|---|---|---|---|---|")
    for one in values:
        if isinstance(one, Instrument):
            names = f"`{one.name}`" + (f", `{one.name}_total`" if is_exported_twice(one) else "")
            labels = ", ".join(f"`{label}`" for label in one.labels)
            yield f"| {names} | {one.kind} | {labels} | {one.about} | {one.origin} |"
    yield ""


def _names(one: Instrument) -> Iterator[str]:
    if one.kind is not Kind.COUNTER:
        yield from (one.name + part for part in _PARTS.get(one.kind, ("",)))
        return
    yield one.name
    if is_exported_twice(one):
        yield f"{one.name}_total"
