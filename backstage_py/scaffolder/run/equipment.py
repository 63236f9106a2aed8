"""What every run in a process works with, whatever task it is of."""

from dataclasses import dataclass, field, replace

from backstage_py.disk import Quota
from backstage_py.plugin import ActionRegistry, Services
from backstage_py.scaffolder.executors.choice import LOCAL, Executors
from backstage_py.scaffolder.run.budget import RunBudget, is_small
from backstage_py.scaffolder.run.doubles import Doubles
from backstage_py.scaffolder.run.rendering import Environment, StepRenderer
from backstage_py.scaffolder.run.spec import Spec


@dataclass(frozen=True, slots=True)
class Equipment:
    """The actions, the services that they may use, ``scaffolder.defaultEnvironment``, what a workspace may hold.

    ``executors`` run the actions. ``doubles`` take the place of actions on an author's machine; tasks of a service
    have none.
    """

    registry: ActionRegistry
    services: Services
    environment: Environment = field(default_factory=Environment)
    quota: Quota = field(default_factory=Quota)
    doubles: Doubles | None = None
    executors: Executors = LOCAL

    def with_services(self, services: Services) -> "Equipment":
        """Return the same with other services."""
        return self if services is self.services else replace(self, services=services)

    async def renderer(self, spec: Spec, name: str, budget: RunBudget) -> StepRenderer:
        """Return the renderer of a run; ``name`` is what ``context.task.id`` is.

        Raises:
            InputError: the values hold a name that templates may not use, or are too large.
        """
        return await budget.compute(
            lambda: StepRenderer(spec, name, self.environment, self.services), is_small=is_small(spec.parameters)
        )
