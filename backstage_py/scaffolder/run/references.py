"""What ``vault()`` in a step's input stands for: read right before the step runs, forgotten behind it.

The values are never stored: outputs, checkpoints and messages of the step are cleared of them, and of what a pure
action made of them. A run that goes on somewhere else reads them again.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from backstage_py.errors import BackstageError, InputError, NotImplementedInBackendError
from backstage_py.integrations import origins
from backstage_py.integrations.origins import Origin
from backstage_py.model.json import Json, JsonObject
from backstage_py.plugin import Services, TemplateInfo
from backstage_py.plugin.services import SecretSession
from backstage_py.scaffolder.run import redaction, steps
from backstage_py.scaffolder.run.redaction import Redactor
from backstage_py.scaffolder.run.rendering import Seen, StepRenderer
from backstage_py.scaffolder.run.spec import Step
from backstage_py.scaffolder.run.steps import Contexts

MOST = 100
"""References of one step."""


@dataclass(slots=True)
class References:
    """The references of one run.

    Attributes:
        hidden: knows the values of the current step.
    """

    services: Services
    template: TemplateInfo | None
    is_dry_run: bool
    hidden: Redactor = field(default_factory=Redactor)
    _session: SecretSession | None = None

    async def resolve(self, wanted: Collection[str]) -> Mapping[str, str]:
        """Return the values of references; none in a dry run, where they are only checked.

        Raises:
            BackstageError: one cannot be read; the message says which and why.
        """
        if self.is_dry_run and not (self.services.config or {}).get("vault"):
            return {}  # on an author's machine there is no Vault to ask
        session = self._opened()
        found: dict[str, str] = {}
        for reference in sorted(wanted):
            if self.is_dry_run:
                await session.check(reference)
            else:
                found[reference] = await session.read(reference)
        self.hidden.add(found.values())
        return found

    def without(self, value: Json) -> Json:
        """Return a value of the current step without what was read for it."""
        return self.hidden.value(value) if self.hidden.forms else value

    def storable(self, outputs: JsonObject, veil: Collection[str] | None) -> JsonObject:
        """Return the outputs of the current step as they may be kept; ``veil`` is that of a pure action."""
        if not self.hidden.forms:
            return outputs
        veiled = outputs if veil is None else {name: redaction.veiled(one, veil) for name, one in outputs.items()}
        cleared: JsonObject = self.hidden.value(veiled)
        return cleared

    def forget(self) -> None:
        """Have no values any more: the step is over."""
        self.hidden = Redactor()

    async def close(self) -> None:
        """Give back what was leased for the run."""
        if self._session:
            session, self._session = self._session, None
            await session.close()

    def _opened(self) -> SecretSession:
        if self._session is None:
            source = self.services.secret_references
            if source is None:
                raise NotImplementedInBackendError("This run has no Vault; 'vault()' is there when the service runs it")
            self._session = source.session(self._origin)
        return self._session

    async def _origin(self, needs_owners: bool) -> Origin:  # noqa: FBT001  # as the protocol has it
        if self.template is None:
            return Origin()
        found = await origins.owners(self.services.catalog, self.template.entity_ref) if needs_owners else ()
        return Origin(found, self.template.base_url)


def expect(number: int) -> None:
    """Refuse a step with too many references.

    Raises:
        InputError: it has.
    """
    if number > MOST:
        raise InputError(f"A step may have {MOST} references to Vault, not {number}")


def asked_for(step: Step, renderer: StepRenderer, contexts: Contexts[Seen]) -> frozenset[str]:
    """Return what the values of a step refer to, as far as that shows by what is known already."""
    renderer.asked_for.clear()
    with suppress(BackstageError):  # it is raised when the step is planned with all values
        steps.plan(step, renderer.render, contexts, has_secrets=False)
    return frozenset(renderer.asked_for)
