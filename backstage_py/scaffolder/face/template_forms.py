"""Checks the values of a template's form; its problems are what the frontend shows beside the fields."""

from collections.abc import Mapping, Sequence

from backstage_py.errors import InputError
from backstage_py.model import parameter_pages
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


async def check(template: Template, values: JsonObject, secrets: Mapping[str, str], budget: RunBudget) -> JsonObject:
    """Check values and secrets, and return the values that a run gets: those of hidden pages leave.

    Raises:
        FormProblems: they do not fit.
        InputError: the form's schema is wrong in itself, or the check takes more than the budget has.
    """

    def check_both() -> JsonObject:
        left = check_values(template, values)
        check_secrets(template, secrets)
        return left

    return await budget.compute(check_both, is_small=is_small(template.pages, template.secrets_schema, values, secrets))


async def check_secrets_alone(template: Template, secrets: Mapping[str, str], budget: RunBudget) -> None:
    """Check secrets within a budget; raises as ``check``."""
    small = is_small(template.secrets_schema, secrets)
    await budget.compute(lambda: check_secrets(template, secrets), is_small=small)


def check_values(template: Template, values: JsonObject) -> JsonObject:
    """Check all values against each page that is shown; only the first one that fails is reported, as in Backstage.

    Returns:
        The values without those of hidden pages.

    Raises:
        FormProblems: they do not fit.
        InputError: a page's schema is wrong in itself.
    """
    shown = parameter_pages.shown(template.pages, values)
    for page, is_visible in zip(template.pages, shown.visible, strict=True):
        if is_visible and (problems := _problems(page, values)):
            raise FormProblems(problems)
    return shown.values


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
