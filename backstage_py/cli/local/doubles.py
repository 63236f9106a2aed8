"""Which actions others stand in for in a run on an author's machine, and what those that stand in were given."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from backstage_py.cli.local import failures
from backstage_py.cli.local.fixtures import Answer, Fixtures, Mock
from backstage_py.cli.local.template_file import LocalTemplate
from backstage_py.errors import BackstageError, NotFoundError
from backstage_py.lint.actions import Catalogue, KnownAction
from backstage_py.model import entity_ref, json
from backstage_py.model.http import BackstageResponse
from backstage_py.model.json import Json, JsonObject
from backstage_py.plugin import Action, ActionAttributes, ActionContext, ActionRegistry, CatalogClient, PermanentError
from backstage_py.scaffolder.run.doubles import Double

KNOWN_BY_SCHEMA = "is known by its schema alone"
NOT_IN_SANDBOX = "is not run here: the sandbox stands in for GitHub alone, and no other git host is written to"
_OTHER_HOSTS = ("azure", "bitbucket", "gerrit", "gitea", "gitlab")
_EXAMPLE = "later steps see an example of its output"
_FETCH = "catalog:fetch"
_WAIT = "roadiehq:utils:sleep"
_REQUEST = "http:backstage:request"
_STAND_IN = ActionAttributes(idempotent=True, destructive=False, local=True)


class LocalDoubles:
    """Implements ``scaffolder.run.doubles.Doubles`` for one run.

    Args:
        local: the template.
        registry: the actions that run as they are.
        fixtures: what stands in for others.
        known: gives what is known of actions that are not installed; asked for when a step needs it.
        makes_up: an entity that is fetched and not there is made up, if the fixtures have no catalog.
        in_sandbox: what is made on git hosts is made in the sandbox, which is GitHub.

    Attributes:
        inputs: what mocks, and requests that were answered, were called with, by the id of their step.
    """

    def __init__(
        self,
        local: LocalTemplate,
        registry: ActionRegistry,
        fixtures: Fixtures,
        known: Callable[[], Catalogue],
        *,
        makes_up: bool,
        in_sandbox: bool = False,
    ) -> None:
        self._local = local
        self._registry = registry
        self._fixtures = fixtures
        self._known = known
        self._makes_up = makes_up and fixtures.entities is None
        self._in_sandbox = in_sandbox
        self.inputs: dict[str, list[Json]] = {}

    @cached_property
    def _catalogue(self) -> Catalogue:
        return self._known()

    def find(self, step_id: str, action_id: str) -> Double | None:
        """Return what takes the place of a step's action, None where it runs as it is.

        Raises:
            NotFoundError: nobody knows the action.
        """
        mocks = self._fixtures.mocks
        if mock := mocks.get(step_id) or mocks.get(action_id):
            return Double(self._mocked(step_id, action_id, mock))
        if action_id not in self._registry:
            return self._skipped(action_id)
        if self._in_sandbox and _is_of_another_host(action_id):
            return Double(self._registry.get(action_id), skipped=f"{action_id} {NOT_IN_SANDBOX}; {_EXAMPLE}")
        if action_id == _REQUEST and self._fixtures.answers is not None:
            return Double(self._answered(step_id, self._fixtures.answers))
        if action_id == _FETCH and self._makes_up:
            return Double(_making_up(self._registry.get(_FETCH)))
        return Double(_hurrying(self._registry.get(action_id))) if action_id == _WAIT else None

    def explained(self, position: int, error: BackstageError) -> BackstageError:
        """Return the error of a step with its place in the template."""
        return failures.located(error, self._local, position)

    def _skipped(self, action_id: str) -> Double:
        known = self._catalogue.get(action_id)
        if known is None:
            raise NotFoundError(self._unknown(action_id))
        return Double(
            _of_schema(known),
            skipped=f"{action_id} {KNOWN_BY_SCHEMA}; {_EXAMPLE}",
        )

    def _unknown(self, action_id: str) -> str:
        close = self._catalogue.nearest(action_id)
        return (
            f"No action '{action_id}' is known{f'; did you mean {close}?' if close else '.'} If it is one of your "
            f"Backstage, declare it in .backstage-py.yaml, with `actions-from: https://…` for all that it has, or "
            f'alone with `actions: [{{id: "{action_id}"}}]`; in a test, `mocks` can say what it does'
        )

    def _mocked(self, step_id: str, action_id: str, mock: Mock) -> Action:
        def run(ctx: ActionContext[Any]) -> None:
            self.inputs.setdefault(step_id, []).append(ctx.input)
            for line in mock.log:
                ctx.logger.info(line)
            for path, content in mock.files.items():
                place = ctx.workspace.path(path)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(content, encoding="utf-8")
            for name, value in mock.output.items():
                ctx.output(name, value)
            if mock.fail is not None:
                raise PermanentError(mock.fail)

        return replace(self._original(action_id), handler=run, **_SIMPLE)

    def _original(self, action_id: str) -> Action:
        """Return the action with its schemas, by which input is checked; without them where nothing is sure."""
        if action_id in self._registry:
            return self._registry.get(action_id)
        known = self._catalogue.get(action_id)
        return _of_schema(known) if known and known.exact else Action(action_id, _never)

    def _answered(self, step_id: str, answers: Sequence[Answer]) -> Action:
        original = self._registry.get(_REQUEST)

        async def run(ctx: ActionContext[Any]) -> Any:
            request = ctx.input
            self.inputs.setdefault(step_id, []).append(
                {"method": request.method, "path": request.address, "body": request.body}
            )
            services = replace(ctx.services, backstage=_AnsweringBackstage(answers))
            return await original.handler(replace(ctx, services=services, is_dry_run=False))

        return replace(original, handler=run, supports_dry_run=True, attributes=_STAND_IN)


_SIMPLE: Mapping[str, Any] = {
    "supports_dry_run": True,
    "attributes": _STAND_IN,
    "retry": None,
    "timeout": None,
    "extra": None,
    "is_trusted_on_loop": False,
    "parse_input": lambda value: value,
}


def _is_of_another_host(action_id: str) -> bool:
    """Whether an action makes something on a git host that is not GitHub, by a part of its id."""
    return any(part.startswith(_OTHER_HOSTS) for part in action_id.split(":"))


def _hurrying(original: Action) -> Action:
    """Return an action that waits, except in a dry run, at which a person looks."""

    async def run(ctx: ActionContext[Any]) -> Any:
        if not ctx.is_dry_run:
            return await original.handler(ctx)
        text = f"Not waiting {ctx.input.amount:g} seconds in a dry run"
        ctx.logger.info(text)
        return None

    return replace(original, handler=run)


def _making_up(original: Action) -> Action:
    """Return ``catalog:fetch`` with an example of each entity that it needs and does not find: there is no catalog."""

    async def run(ctx: ActionContext[Any]) -> Any:
        if ctx.input.optional:
            return await original.handler(ctx)
        made: list[str] = []
        services = replace(ctx.services, catalog=_MakingUp(ctx.catalog, made))
        found = await original.handler(replace(ctx, services=services))
        if made:
            text = f"There is no catalog here, so examples stand for {', '.join(made)}; see --entities"
            ctx.logger.warning(text)
        return found

    return replace(original, handler=run)


class _MakingUp:
    """A catalog that makes up what is read of it by reference."""

    def __init__(self, catalog: CatalogClient, made: list[str]) -> None:
        self._catalog = catalog
        self._made = made

    def __getattr__(self, name: str) -> Any:
        return getattr(self._catalog, name)

    async def entities_by_refs(self, refs: Sequence[str], *, token: str | None) -> list[JsonObject | None]:
        """Return what is there, and examples of the rest."""
        found = await self._catalog.entities_by_refs(refs, token=token)
        return [one or self._example(ref) for ref, one in zip(refs, found, strict=True)]

    def _example(self, ref: str) -> JsonObject:
        self._made.append(ref)
        parsed = entity_ref.parse(ref, default_kind="Component", default_namespace=entity_ref.DEFAULT_NAMESPACE)
        return {
            "apiVersion": "backstage.io/v1alpha1",
            "kind": parsed.kind.capitalize(),
            "metadata": {"name": parsed.name, "namespace": parsed.namespace, "annotations": {}},
            "spec": {},
        }


class _AnsweringBackstage:
    """Implements ``plugin.services.BackstageClient`` with the answers of a test."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self._answers = answers

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],  # noqa: ARG002  # the protocol's
        body: bytes | None,  # noqa: ARG002  # as above
        token: str | None,  # noqa: ARG002  # as above
        timeout: float,  # noqa: ARG002, ASYNC109  # as above
    ) -> BackstageResponse:
        """Give the first answer that fits.

        Raises:
            NotFoundError: there is none.
        """
        for answer in self._answers:
            if answer.method in (None, method.upper()) and _fits(answer.path, path):
                return _response(answer)
        told = ", ".join(f"{one.method or 'any'} {one.path}" for one in self._answers) or "none"
        raise NotFoundError(f"No answer of `http` fits {method} {path}; there is {told}")


def _fits(pattern: str, path: str) -> bool:
    """Say whether a request is meant: with or without ``/api`` before it; its query counts if the pattern has one."""
    compared = path if "?" in pattern else path.partition("?")[0]
    plain, asked = (text.removeprefix("/").removeprefix("api/") for text in (pattern, compared))
    return fnmatchcase(asked, plain.replace("[", "[[]").replace("?", "[?]"))


def _response(answer: Answer) -> BackstageResponse:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    if isinstance(answer.body, str) and "application/json" not in headers.get("content-type", ""):
        return BackstageResponse(answer.status, headers, answer.body.encode())
    headers.setdefault("content-type", "application/json")
    return BackstageResponse(answer.status, headers, json.dumps(answer.body))


def _of_schema(known: KnownAction) -> Action:
    return Action(known.id, _never, known.description, known.input, known.output)


def _never(_ctx: ActionContext[Any]) -> JsonObject:
    raise AssertionError("a step with this action is skipped, or another takes its place")
