"""Checking what was entered into a template's form, with answers that the frontend can show beside the fields."""

from collections.abc import Mapping, Sequence

from backstage_py.errors import InputError
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.npm_jsonschema import SchemaProblem
from backstage_py.model.template import Template
from backstage_py.scaffolder.run.budget import RunBudget, is_small
from backstage_py.scaffolder.run.input_checks import validator


class FormProblems(InputError):  # noqa: N818  # the problems are the answer
    """Values or secrets do not fit the template. ``errors`` is what the answer ``{"errors": …}`` holds."""

    def __init__(self, errors: Sequence[JsonObject]) -> None:
        super().__init__("; ".join(str(error["stack"]) for error in errors))
        self.errors = list(errors)


async def check(template: Template, values: Json, secrets: Mapping[str, str], budget: RunBudget) -> None:
    """Check values, unless they are None, and secrets.

    Raises:
        FormProblems: they do not fit.
        InputError: the form's schema is wrong in itself, or the check takes more than the budget has.
    """

    def check_both() -> None:
        if values is not None:
            check_values(template, values)
        check_secrets(template, secrets)

    await budget.compute(check_both, is_small=is_small(template.pages, template.secrets_schema, values, secrets))


def check_values(template: Template, values: Json) -> None:
    """Check all values against each page in turn; only the first page that fails is reported, as in Backstage.

    Raises:
        FormProblems: they do not fit.
        InputError: a page's schema is wrong in itself.
    """
    for page in template.pages:
        if problems := _problems(page, values):
            raise FormProblems(problems)


def check_secrets(template: Template, secrets: Mapping[str, str]) -> None:
    """Check secrets against the template's schema for them, if it has one.

    Raises:
        FormProblems: they do not fit; no value is shown.
        InputError: the schema is wrong in itself.
    """
    if not template.secrets_schema:
        return
    if problems := _problems(template.secrets_schema, dict(secrets)):
        raise FormProblems([_without_values(problem) for problem in problems])


def _problems(schema: Json, values: Json) -> list[JsonObject]:
    try:
        return [problem.as_json() for problem in validator(schema).problems(values)]
    except SchemaProblem as error:
        raise InputError(f"The template's form cannot be used: {error}") from error


def _without_values(problem: JsonObject) -> JsonObject:
    place = "secrets" + problem["property"].removeprefix("instance")
    required = problem["name"] == "required"
    message = f"secrets.{problem.get('argument')} is required" if required else f"{place} {problem['message']}"
    return {**problem, "property": place, "message": message, "instance": {}}
