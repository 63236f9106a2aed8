"""Running a task: the steps in their order, one after the other, with their events.

``run`` decides with ``steps``, acts with ``action_call``, and writes to a ``Journal``; it knows neither store nor
dry run beyond that. The order of events is Backstage's.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any, TypeVar

import structlog

from backstage_py import logging
from backstage_py.errors import BackstageError, as_name
from backstage_py.execution.failures import as_backstage_error
from backstage_py.execution.outputs import output_json
from backstage_py.js import json_text
from backstage_py.js.budget import Exceeded, size
from backstage_py.model import json
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.task import ClaimLost, StepResult
from backstage_py.plugin import Action, ActionContext, StepInfo
from backstage_py.plugin import schema as schemas
from backstage_py.scaffolder.executors.choice import RunFacts
from backstage_py.scaffolder.executors.error_text import as_shown
from backstage_py.scaffolder.run import action_call, measured, observing, policies, redaction, references, steps
from backstage_py.scaffolder.run.action_call import Cancelled
from backstage_py.scaffolder.run.budget import SMALL, is_small, refusal
from backstage_py.scaffolder.run.context import RunContext, WorkerStopping
from backstage_py.scaffolder.run.doubles import Double
from backstage_py.scaffolder.run.input_checks import validator_of
from backstage_py.scaffolder.run.observing import Observed
from backstage_py.scaffolder.run.policies import Policies
from backstage_py.scaffolder.run.references import References
from backstage_py.scaffolder.run.rendering import Seen
from backstage_py.scaffolder.run.spec import ABSENT, Step
from backstage_py.scaffolder.run.step_log import StepLogger
from backstage_py.scaffolder.run.steps import Contexts
from backstage_py.scaffolder.run.workspace_watch import WorkspaceWatch
from backstage_py.storage.faults import is_outage
from backstage_py.templating.engine import UNDEFINED

_log = structlog.get_logger(__name__)

T = TypeVar("T")


class RunFailed(Exception):  # noqa: N818  # carries the cause to whoever writes the completion
    """The run ended with the error of the first step that failed; its texts are redacted."""

    def __init__(self, error: BackstageError, name: str) -> None:
        super().__init__(error.message)
        self.error = error
        self.name = name


class Run:
    """One run of a task."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._hooks = context.hooks
        self._journal = context.journal
        self._renderer = context.renderer
        self._budget = context.budget
        self._references = References(context.equipment.services, context.spec.template_info, context.is_dry_run)
        self._policies = Policies.of_run(context.equipment.services.config, context.spec)
        self._executors = context.equipment.executors.of_run(_facts(context))
        self._watch = WorkspaceWatch(context.equipment.quota, context.workspace.root, context.signal)
        self._first_failure: RunFailed | None = None
        self._kept: dict[str, Json] = dict(context.hooks.earlier.checkpoints)
        self._observed = Observed()

    async def run(self) -> Json:
        """Run all steps and return the task's output.

        Raises:
            RunFailed: a step failed.
            BackstageError: nobody can say what may be executed, or our database is away (``faults.is_outage``).
            WorkerStopping: the worker stops; the steps so far are recorded.
            ClaimLost: the task is another worker's by now.
        """
        logging.hide(self._journal.redactor.text)
        secrets = [*self._context.secrets.values(), *self._renderer.environment.secrets.values()]
        await self._budget.compute(lambda: self._journal.redactor.add(secrets), is_small=is_small(secrets))
        self._watch.start()
        try:
            with self._budget.in_force():
                return await self._run_steps()
        finally:
            self._watch.stop()
            await asyncio.shield(self._executors.close())
            await self._references.close()

    async def _run_steps(self) -> Json:
        spec = self._context.spec
        self._budget.expect_steps(len(spec.steps))
        self._journal.say(f"Starting up task with {steps.announced(spec, is_dry_run=self._context.is_dry_run)} steps")
        if spec.steps or self._context.is_dry_run:
            await self._context.gate.open()
        self._log_resumption()
        for step in spec.steps:
            if (before := self._hooks.earlier.steps.get(step.position)) is not None:
                await self._reuse_result(step, before)
            elif await self._is_skipped_after_failure(step):
                self._log_step(step, f"Skipping step {step.id} because a previous step failed", "skipped")
            else:
                self._hooks.before_step()
                await self._hooks.before_effect()
                await self._budget.begin_step()
                with observing.step(self._context, step) as self._observed:
                    await self._run_step(step)
        if self._first_failure:
            raise self._first_failure
        small = self._renderer.is_small(size(spec.output))
        return await self._budget.compute(lambda: self._output(spec.output), is_small=small)

    def _output(self, template: Json) -> Json:
        redactor = self._journal.redactor
        output = self._renderer.output(template)
        masked = self._renderer.masked_output(template)
        if masked is not UNDEFINED:
            redactor.add(redaction.differing_strings(output, masked, redactor.text))
        return redactor.value(steps.visible_output(output))

    def _log_resumption(self) -> None:
        done = sum(not result.failed for result in self._hooks.earlier.steps.values())
        if done:
            self._journal.say(
                f"Task recovered - resuming from last known good state. {done} step(s) already completed."
            )

    async def _reuse_result(self, step: Step, before: StepResult) -> None:
        """Use the result that an earlier attempt recorded for a step."""
        if before.failed:
            error = BackstageError(str(before.result["message"]))
            self._fail(RunFailed(error, str(before.result["name"])))
            return
        await self._set_output(step, before.result, await self._veil_of(step))
        self._log_step(step, f"Skipping step {step.id} because it was already completed in a previous run", "completed")

    async def _veil_of(self, step: Step) -> Collection[str] | None:
        """Learn again what in the values of a completed step stems from secrets; return the veil of its output."""
        contexts = self._renderer.contexts(self._context.secrets, dry_run=self._context.is_dry_run)
        if not self._has_secrets or not (step.mentions_secrets or contexts.outputs_differ):
            return None
        try:
            double = self._double(step)
            action = double.action if double else await self._action(step.action)
            plan = await self._compute(step, lambda: self._plan(step, action, contexts))
        except (BackstageError, Exceeded):
            return ()
        return plan.veil(action)

    async def _is_skipped_after_failure(self, step: Step) -> bool:
        """Whether a step is skipped since one before failed: unless its ``if`` has ``always()`` or ``failure()``."""
        if not self._renderer.failed:
            return False
        condition = step.condition
        if not isinstance(condition, str):
            return True
        return not await self._compute(step, lambda: self._renderer.asks_for_outcome(condition))

    async def _compute(self, step: Step, function: Callable[[], T]) -> T:
        return await self._budget.compute(function, is_small=self._renderer.is_small(step.size))

    def _fail(self, failure: RunFailed) -> None:
        self._first_failure = self._first_failure or failure
        self._renderer.failed = True

    def _log_step(self, step: Step, message: str, status: str) -> None:
        self._journal.say(message, step.id, status)

    async def _run_step(self, step: Step) -> None:
        self._log_step(step, f"Beginning step {step.name}", "processing")
        await self._journal.commit_steps()
        try:
            if self._context.signal.is_set:
                self._record_failure(step, self._cancelled(step), logged=False)
                return
            await self._execute_step(step)
        except Cancelled:
            self._record_failure(step, self._cancelled(step), logged=True)
        except (ClaimLost, WorkerStopping):
            raise
        except Exceeded as error:
            self._record_failure(step, refusal(error), logged=True)
        except Exception as error:
            if is_outage(error):
                raise
            self._record_failure(step, self._said(step, error), logged=True)

    def _said(self, step: Step, error: Exception) -> BackstageError:
        """Return what a step shows of an error; the worker's edge: it ends with an event whatever happens."""
        if isinstance(error, BackstageError):
            return error
        _log.exception("step_broke", task_id=self._context.task_id, step_id=step.id)
        return as_backstage_error(error)

    def _cancelled(self, step: Step) -> BackstageError:
        if self._watch.failure:
            return self._watch.failure
        return BackstageError(f"Step {step.id} ({step.name}) of task {self._context.task_id} has been cancelled.")

    def _record_failure(self, step: Step, error: BackstageError, *, logged: bool) -> None:
        """Record a step's failure.

        A second failure (of a step with ``always()``) gets one more event that says so. A step that was cancelled
        before it began has no event of its own; Backstage does the same.
        """
        self._observed.result = "cancelled" if self._context.signal.is_set else "failed"
        shown = as_shown(error, self._journal.redactor)
        if doubles := self._context.equipment.doubles:
            shown = doubles.explained(step.position, shown)
        name, message = as_name(shown), shown.message
        if logged:
            self._log_step(step, f"{name}: {message}", "failed")
        if self._first_failure:
            self._log_step(step, f"Additional error occurred: {message}", "failed")
        self._fail(RunFailed(shown, name))
        self._journal.finish_step(StepResult(step.position, failed=True, result={"name": name, "message": message}))

    async def _execute_step(self, step: Step) -> None:
        contexts = self._renderer.contexts(self._context.secrets, dry_run=self._context.is_dry_run)
        has_condition = isinstance(step.condition, str | bool)
        if has_condition and await self._compute(step, lambda: steps.is_skipped(step, self._renderer.render, contexts)):
            self._log_step(step, f"Skipping step {step.id} because its if condition was false", "skipped")
            self._observed.result = "skipped"
            return
        double = self._double(step)
        action = double.action if double else await self._action(step.action)
        logger = StepLogger(self._journal, step.id)
        try:
            if self._context.is_dry_run:
                line = await self._compute(step, lambda: self._dry_run_line(step, action))
                logger.info(line)
                await logger.flush()
            if double and double.skipped:
                await self._skip(step, action, double.skipped)
                return
            if self._context.is_dry_run and not action.supports_dry_run:
                await self._ask_policies(action, [], logger)
                await self._skip(step, action, f"{action.id} does not support dry-run")
                return
            if self._context.is_dry_run and await self._executors.needs_a_task(action):
                await self._ask_policies(action, [], logger)
                await self._skip(step, action, f"{action.id} runs in pods of a cluster, which only tasks have")
                return
            await self._resolve_references(step, contexts)
            plan = await self._compute(step, lambda: self._plan(step, action, contexts))
            plan.tell_ignored(action.id, logger.warning)
            veil = plan.veil(action)
            for iteration in plan.iterations:
                if iteration.runs:
                    if iteration.each:
                        await self._check_input(iteration, action)
                    self._context.gate.check(action.id, iteration.input)
            await self._context.gate.check_resources(action.id)
            inputs = [one.input for one in plan.iterations if one.runs]
            await self._ask_policies(action, inputs, logger)
            self._tell(step, "inputs", inputs)
            logger.is_veiled = veil is not None
            outputs = await self._run_iterations(step, action, plan, logger)
            outputs = self._references.storable(outputs, veil)
        finally:
            logger.close()
            self._renderer.resolved.clear()
            self._references.forget()
        if self._context.signal.is_set:
            raise Cancelled
        await self._complete(step, outputs, veil)

    def _tell(self, step: Step, what: str, value: Json) -> None:
        if watcher := self._context.hooks.watcher:
            watcher(step.id, what, self._journal.redactor.value(value))

    async def _resolve_references(self, step: Step, contexts: Contexts[Seen]) -> None:
        """Read what ``vault()`` in the step's values names, which may depend on what it names elsewhere."""
        known: set[str] = set()
        while step.mentions_vault:
            asked = await self._compute(step, lambda: references.asked_for(step, self._renderer, contexts))
            new = asked - known
            if not new:
                return
            new = new - {""} or new  # what is made of a value that is not read yet is not known yet
            known |= new
            references.expect(len(known))
            values = await self._references.resolve(new)
            self._journal.redactor.add(values.values())
            self._renderer.resolved.update(values)

    def _plan(self, step: Step, action: Action, contexts: Contexts[Seen]) -> steps.Plan:
        secret, shown = self._has_secrets, self._journal.redactor.text
        plan = steps.plan(step, self._renderer.render, contexts, has_secrets=secret, shown=shown)
        plan = plan.without(action.ignored_inputs)
        self._journal.redactor.add(plan.redactions)
        if step.each is ABSENT:  # with ``each`` the gate has its say in between
            steps.check_input(plan.iterations[0], action.id, validator_of(action))
        return plan

    async def _ask_policies(self, action: Action, inputs: list[Json], logger: StepLogger) -> None:
        if not policies.acts_outside(action):
            return
        shown = self._journal.redactor.value(inputs) if self._has_secrets else inputs
        folder, is_dry_run = self._context.workspace.root, self._context.is_dry_run
        await self._policies.admit(action, shown, folder, logger, is_dry_run=is_dry_run)
        await logger.flush()

    async def _check_input(self, iteration: steps.Iteration, action: Action) -> None:
        def check() -> None:
            steps.check_input(iteration, action.id, validator_of(action))

        await self._budget.compute(check, is_small=is_small(iteration.input))

    def _double(self, step: Step) -> Double | None:
        doubles = self._context.equipment.doubles
        return doubles.find(step.id, step.action) if doubles else None

    async def _action(self, action_id: str) -> Action:
        """Return an installed action, or one that another plugin offers."""
        remote = self._context.equipment.services.remote_actions
        if remote and action_id not in self._context.equipment.registry:
            found = await remote.find(action_id, token=self._context.secrets.get("backstageToken"))
            if found:
                return found
        return self._context.equipment.registry.get(action_id)

    @property
    def _has_secrets(self) -> bool:
        return bool(self._context.secrets or self._renderer.environment.secrets or self._renderer.resolved)

    def _dry_run_line(self, step: Step, action: Action) -> str:
        shown = self._renderer.input_with_masked_secrets(step, self._context.secrets)
        self._tell(step, "inputs", [shown])
        return f"Running {action.id} in dry-run mode with inputs (secrets redacted): {json_text.text(shown, space=2)}"

    async def _skip(self, step: Step, action: Action, reason: str) -> None:
        self._log_step(step, f"Skipping because {reason}", "skipped")
        await self._set_output(step, steps.example_output(action.output_schema) if action.output_schema else {})

    async def _set_output(self, step: Step, output: Json, veil: Collection[str] | None = None) -> None:
        """Let later steps see an output; with a ``veil``, what of it is none of these strings counts as secret."""

        def set_output() -> None:
            shown = output
            if veil is not None:
                shown = {name: redaction.veiled(value, veil) for name, value in output.items()}
            shown = self._journal.redactor.value(shown) if self._has_secrets else shown
            self._renderer.set_output(step.id, output, shown, size=taken)
            self._tell(step, "output", shown)

        taken = size(output, SMALL)
        if taken <= SMALL:
            set_output()
        else:
            await self._budget.compute(set_output, is_small=False)

    async def _run_iterations(self, step: Step, action: Action, plan: steps.Plan, logger: StepLogger) -> JsonObject:
        outputs: JsonObject = {}
        for iteration in plan.iterations:
            if iteration.each:
                await self._budget.begin_step()
                logger.info(iteration.log_line())
            if iteration.runs:
                sink = _Sink(self, step, iteration, outputs)
                try:
                    await self._call(step, action, iteration, logger, sink)
                finally:
                    sink.close()
        return outputs

    async def _call(
        self, step: Step, action: Action, iteration: steps.Iteration, logger: StepLogger, sink: "_Sink"
    ) -> None:
        run = self._context
        context: ActionContext[Any] = ActionContext(
            input=iteration.input,
            logger=logger,
            workspace=run.workspace,
            task_id=run.task_id,
            step=StepInfo(step.id, step.name),
            sink=sink,
            services=run.equipment.services,
            secrets=run.secrets,
            user=run.spec.user,
            template_info=run.spec.template_info,
            is_dry_run=run.is_dry_run,
            signal=run.signal,
            each=iteration.each,
        )
        patience = action_call.REQUEST_PATIENCE if run.is_dry_run else None
        try:
            executor = await self._executors.of(action)
            await action_call.call(action, context, executor, patience=patience, before_try=run.hooks.before_effect)
        finally:
            await logger.flush()

    async def _complete(self, step: Step, outputs: JsonObject, veil: Collection[str] | None) -> None:
        await self._watch.look(surely=step.position == self._context.spec.steps[-1].position)
        if self._hooks.after_step:
            await self._hooks.after_step(step.position)
        await self._set_output(step, outputs, veil)
        events = measured.events_of(step.action, outputs, self._context.spec, self._context.task_id)
        self._journal.finish_step(StepResult(step.position, failed=False, result=outputs, events=events))
        self._log_step(step, f"Finished step {step.name}", "completed")


def _facts(context: RunContext) -> RunFacts:
    info = context.spec.template_info
    template = info.entity_ref if info else None
    return RunFacts(context.task_id, template, context.spec.user.ref, context.claim)


class _Sink:
    """Takes outputs, checkpoints and effects of an action; closed when its iteration is over, whatever threads do."""

    def __init__(self, run: Run, step: Step, iteration: steps.Iteration, outputs: JsonObject) -> None:
        self._hooks = run._context.hooks  # noqa: SLF001  # a part of the run
        self._kept = run._kept  # noqa: SLF001  # as above
        self._checkpoint = f"v1.task.checkpoint.{iteration.label(step.id)}"
        self._effect = f"v1.task.effect.{iteration.label(step.id)}"
        self._in_each = iteration.each is not None
        self._outputs = outputs
        self._storable = run._references.without  # noqa: SLF001  # as above
        self._spend = run._context.budget.spend_value  # noqa: SLF001  # as above
        self._closed = False

    def output(self, name: str, value: Json) -> None:
        """Record an output.

        Raises:
            BackstageError: the value is not JSON, or more than the run's budget has left.
        """
        if self._closed:
            return
        text = output_json(name, value)
        self._spend(text)
        steps.collect(self._outputs, name, json.parse(text), in_each=self._in_each)

    async def checkpoint(self, key: str, function: Callable[[], Awaitable[Json]]) -> Json:
        """Return the stored value of ``key``, or that of ``function`` once it is stored."""
        full = f"{self._checkpoint}.{key}"
        if full in self._kept:
            return self._kept[full]
        await self._hooks.before_effect()
        value = schemas.dump(await function())
        await self._keep(full, {} if value is None else value)
        return value

    def recall(self, key: str) -> JsonObject | None:
        """Return the state of an effect; one that an earlier version kept as a checkpoint is done."""
        if (state := self._kept.get(f"{self._effect}.{key}")) is not None:
            return dict(state)
        before = f"{self._checkpoint}.{key}"
        return {"state": "done", "value": self._kept[before]} if before in self._kept else None

    async def note(self, key: str, state: JsonObject) -> None:
        """Store the state of an effect.

        Raises:
            ClaimLost: the task is another worker's by now. BackstageError: the step is over.
        """
        if self._closed:
            raise BackstageError(f"The step has ended; '{key}' is too late")
        await self._keep(f"{self._effect}.{key}", state)

    async def _keep(self, full: str, value: Json) -> None:
        self._spend(json.dumps(value))
        await self._hooks.save_checkpoint(full, self._storable(value))
        self._kept[full] = value

    def close(self) -> None:
        """Take nothing more."""
        self._closed = True
