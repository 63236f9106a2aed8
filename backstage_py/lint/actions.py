"""The actions that a template may use, by id: their schemas, and how far these can be trusted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Literal

from backstage_py import bundled, extras
from backstage_py.lint.nearest import distance, misspelled, nearest, same_ignoring_style
from backstage_py.model.json import Json, JsonObject

_ONE_SLIP_IN = 5
_UNDECLARED_OUTPUTS = {"catalog:register": frozenset({"entityRef", "catalogInfoUrl"})}
_WITHOUT_OUTPUTS = frozenset(
    {"fetch:template", "fetch:plain", "fetch:plain:file", "debug:log", "debug:wait", "fs:delete", "fs:rename"}
)
Origin = Literal["builtin", "community", "installed", "declared", "live"]
"""``declared`` are those that a project's configuration names, ``live`` those that a running Backstage has listed."""


@dataclass(frozen=True, slots=True)
class KnownAction:
    """An action as ``GET /v2/actions`` describes it.

    Attributes:
        examples: each with ``description`` and ``example``, a YAML text with ``steps``.
        exact: what the schema refuses is refused wherever the step runs; a community action's differs by version.
        unavailable: why it does not run here: an extra of ``backstage-py`` is missing.
        package: the distribution that brings it, of an installed one.
    """

    id: str
    origin: Origin
    description: str = ""
    input: JsonObject = field(default_factory=dict)
    output: JsonObject = field(default_factory=dict)
    examples: tuple[JsonObject, ...] = ()
    exact: bool = True
    unavailable: str | None = None
    package: str | None = None

    @property
    def outputs(self) -> frozenset[str]:
        """Names of the outputs; empty when none are declared, unless it is known what they are all the same."""
        return _UNDECLARED_OUTPUTS.get(self.id) or frozenset(self.output.get("properties") or ())

    @property
    def has_no_outputs(self) -> bool:
        """Whether it surely gives nothing; most that declare no outputs may have some."""
        return self.id in _WITHOUT_OUTPUTS and not self.output.get("properties")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Known actions. ``complete``: there are no others, because a running Backstage was asked."""

    actions: Mapping[str, KnownAction]
    complete: bool = False

    def get(self, action_id: str) -> KnownAction | None:
        """Return an action, None if it is unknown."""
        return self.actions.get(action_id)

    def nearest(self, action_id: str) -> str | None:
        """Return the id that was probably meant: the same words in another order, a longer one, or a similar one."""
        words = set(action_id.split(":"))
        for known in self.actions:
            if set(known.split(":")) == words or known.endswith(f":{action_id}"):
                return known
        close = nearest(action_id, self.actions)
        if close is None or len(words & set(close.split(":"))) > 1:
            return close
        return close if distance(action_id, close) <= max(2, len(action_id) // _ONE_SLIP_IN) else None

    def misspelled(self, action_id: str) -> str | None:
        """Return the id that was surely meant; what differs by more than a slip may be an action of one's own."""
        close = misspelled(action_id, self.actions)
        return close if close and _is_one_typo(action_id, close) else None

    def with_actions(self, more: Iterable[KnownAction], *, complete: bool = False) -> "Catalogue":
        """Return a catalogue in which ``more`` take precedence."""
        return Catalogue({**self.actions, **{one.id: one for one in more}}, complete=complete or self.complete)


def _is_one_typo(given: str, known: str) -> bool:
    """Whether one word has one slip, and no other last letter: gitlab is not github, nor gitee gitea."""
    if same_ignoring_style(given, known):
        return True
    words = list(zip(given.split(":"), known.split(":"), strict=False))
    different = [pair for pair in words if pair[0] != pair[1]]
    if given.count(":") != known.count(":") or len(different) != 1:
        return False
    one, other = different[0]
    return distance(one, other) == 1 and not (len(one) == len(other) and one[:-1] == other[:-1])


def parse(listing: Json, origin: Origin) -> list[KnownAction]:
    """Read the answer of ``GET /v2/actions``.

    Raises:
        ValueError: it is no list of actions.
    """
    if not isinstance(listing, list):
        raise ValueError(  # noqa: TRY004  # callers catch one error for text and shape
            "expected a list of actions, as GET /api/scaffolder/v2/actions answers"
        )
    return [described(one, origin) for one in listing if isinstance(one, dict) and isinstance(one.get("id"), str)]


def described(entry: JsonObject, origin: Origin) -> KnownAction:
    """Read one entry of such an answer."""
    schema = entry.get("schema") or {}
    return KnownAction(
        id=entry["id"],
        origin=origin,
        description=str(entry.get("description") or ""),
        input=_object(schema.get("input")),
        output=_object(schema.get("output")),
        examples=tuple(one for one in entry.get("examples") or () if isinstance(one, dict)),
        exact=origin != "community",
        unavailable=extras.missing(entry["id"], entry.get("extra")) if origin not in ("declared", "live") else None,
    )


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}


@cache
def community_ids() -> frozenset[str]:
    """Return the ids of the community's actions."""
    return frozenset(one["id"] for one in bundled.schema("community-actions"))


@cache
def bundled_catalogue() -> Catalogue:
    """Return what is known without asking anybody: our own actions and the community's.

    Where we have an action of the community, its own package may be more lenient than our schema.
    """
    community = parse(bundled.schema("community-actions"), "community")
    shared = community_ids()
    builtin = [replace(one, exact=one.id not in shared) for one in parse(bundled.schema("builtin-actions"), "builtin")]
    return Catalogue({one.id: one for one in (*community, *builtin)})
