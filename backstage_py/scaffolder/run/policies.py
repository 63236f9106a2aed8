"""The operator's policies (``scaffolder.policies``): asked before each action of a task that may act outside.

An action acts outside unless it says of itself that it only reads (``read_only``), is ``pure``, or ``local``: changes
nothing but its workspace. The policies see the workspace as it is then, the request, and the action with its input,
less secrets. They are asked before every such action, not the first alone: what a harmless one was let do says nothing
about the next.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backstage_py import threads
from backstage_py.errors import NotAllowedError
from backstage_py.integrations.policy import checks, subject
from backstage_py.metrics.scaffolder import POLICY_FINDINGS
from backstage_py.model.json import Json, JsonObject
from backstage_py.plugin import Action, ActionLogger
from backstage_py.scaffolder.run.spec import Spec


@dataclass(frozen=True, slots=True)
class Policies:
    """Those of one run, or of one call: ``request`` is what was asked for."""

    config: Mapping[str, Json]
    request: JsonObject
    parameters: Mapping[str, Json]

    @classmethod
    def of_run(cls, config: Mapping[str, Json] | None, spec: Spec) -> "Policies":
        """Return those of a task or dry run."""
        template = spec.template_info
        request: JsonObject = {
            "parameters": spec.parameters,
            "user": spec.user.ref,
            "template": template and template.entity_ref,
            "source": template and template.base_url,
        }
        return cls(config or {}, request, spec.parameters)

    async def admit(
        self, action: Action, inputs: Sequence[Json], folder: Path, logger: ActionLogger, *, is_dry_run: bool
    ) -> None:
        """Return when no policy denies an action; warnings are logged.

        Args:
            action: about to run.
            inputs: of each call, without secrets; none in a dry run that leaves the action out.
            folder: the workspace.
            logger: of the step.
            is_dry_run: whether nothing will happen outside.

        Raises:
            NotAllowedError: one denies it, with policy, rule, file and line. BackstageError: one cannot be asked.
        """
        if not acts_outside(action):
            return
        denied: list[str] = []
        has_warned = False
        configured = checks.configured(self.config)
        for check in configured:
            request = {**self.request, "action": action.id, "inputs": list(inputs), "isDryRun": is_dry_run}
            judged = await threads.file_work(subject.read, folder, check.paths, request)
            parameter = check.environment_parameter
            environment = self.parameters.get(parameter) if parameter else None
            for finding in await check.findings(judged, self.config, environment and str(environment)):
                has_warned = has_warned or finding.is_warning
                if finding.is_warning:
                    logger.warning(f"Policy {finding}")  # noqa: G004  # the task's log
                else:
                    denied.append(str(finding))
        if configured:
            POLICY_FINDINGS.inc("denied" if denied else "warned" if has_warned else "allowed")
        if denied:
            raise NotAllowedError(f"Denied before {action.id} by policy {'; '.join(denied)}")


def acts_outside(action: Action) -> bool:
    """Whether an action may change something besides its workspace."""
    attributes = action.attributes
    return not (attributes.read_only or attributes.pure or attributes.local)
