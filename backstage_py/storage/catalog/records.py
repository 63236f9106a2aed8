"""What passes between processing and the store."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from backstage_py.model.entity_relations import Relation
from backstage_py.model.json import JsonObject


@dataclass(frozen=True, slots=True)
class Deferred:
    """An entity as its source has it, not processed yet.

    Attributes:
        ref: reference, complete and lower case.
        text: JSON text.
        hash: of the entity's stable text.
        location_key: who may change the entity from now on; None lets anybody.
    """

    ref: str
    text: bytes
    hash: str
    location_key: str | None


@dataclass(frozen=True, slots=True)
class Processed:
    """What processing made of one entity.

    Attributes:
        ref: the entity's reference.
        text: JSON text of the processed entity; None when processing failed, which keeps the earlier one.
        relations: those that the entity gives rise to, in both directions.
        errors: serialised errors, ``{name, message, cause?}``.
        result_hash: of all the rest; an equal one means that nothing has to be written.
        state: JSON text of what processors remember.
        refresh_keys: what the entity was made from.
        is_volatile: whether another run could give another result although the entity did not change.
        children: entities that this one brings, None when that is unknown because processing failed.
        is_complete: whether children that are not listed are gone.
    """

    ref: str
    text: bytes | None
    relations: tuple[Relation, ...] = ()
    errors: tuple[JsonObject, ...] = ()
    result_hash: str | None = None
    state: bytes | None = None
    refresh_keys: tuple[str, ...] = ()
    is_volatile: bool = False
    children: "Sequence[Child] | None" = ()
    is_complete: bool = True


@dataclass(frozen=True, slots=True)
class Child:
    """An entity that another one brings, together with its own result when that was made at once."""

    deferred: Deferred
    result: Processed | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result for an entity of the store.

    Attributes:
        entity_id: the entity's number.
        ticket: of the queue.
        source_hash: of what the result was made from; when that is another by now, the result is dropped.
        result: what came of it.
    """

    entity_id: int
    ticket: int
    source_hash: str
    result: Processed


@dataclass(frozen=True, slots=True)
class Unprocessed:
    """An entity of the store that is to be processed.

    Attributes:
        hash: of the entity's stable text.
        ticket: of the queue.
    """

    id: int
    ref: str
    text: bytes
    hash: str
    result_hash: str | None
    state: bytes | None
    ticket: int

    def outcome(self, result: Processed) -> Outcome:
        """Return what to write for a result."""
        return Outcome(self.id, self.ticket, self.hash, result)


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows of an entity that a source mentions again."""

    id: int
    hash: str
    location_key: str | None


@dataclass(slots=True)
class Changes:
    """What a commit changed, collected while it is made; ``processed`` counts results by how much they changed."""

    stitch: set[int] = field(default_factory=set)
    stitch_refs: set[str] = field(default_factory=set)
    process: set[int] = field(default_factory=set)
    processed: Counter[str] = field(default_factory=Counter)
