"""Backstage's formats for actions that read or write them, each treated as Backstage's own packages treat it.

References to entities, repository URLs, JSON, YAML, glob patterns, regular expressions, binary files, the template
language of skeletons, and what is published of known actions. A second door beside ``backstage_py.plugin``, since
most actions need none of this and it takes a moment to import. All of it is pure: nothing here reads a file that an
author names, asks the network or waits.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from backstage_py import bundled
from backstage_py.errors import InputError
from backstage_py.js import json_text as js_json_text
from backstage_py.js.errors import Failure
from backstage_py.js.regex import replace_all
from backstage_py.model.binary import is_binary
from backstage_py.model.entity_ref import EntityRef
from backstage_py.model.entity_ref import of as entity_ref_of
from backstage_py.model.entity_ref import parse as parse_entity_ref
from backstage_py.model.globs import Entry as PathEntry
from backstage_py.model.globs import matches as path_matches
from backstage_py.model.globs import select as select_paths
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.json import dumps as dump_json
from backstage_py.model.json import parse as parse_json
from backstage_py.model.json import text as json_text
from backstage_py.model.yaml import Style as YamlStyle
from backstage_py.model.yaml import YamlError, load_all
from backstage_py.model.yaml import dump as dump_yaml
from backstage_py.model.yaml import load as load_yaml
from backstage_py.model.yaml.keys import text as yaml_key
from backstage_py.plugin.schema import camel as json_name
from backstage_py.plugin.services import ScmIntegrations, Services
from backstage_py.templating import engine
from backstage_py.templating.engine import UNDEFINED, Renderer, backstage_renderer, default_integrations

__all__ = [
    "UNDEFINED",
    "EntityRef",
    "PathEntry",
    "Renderer",
    "RepoUrl",
    "YamlError",
    "YamlStyle",
    "dump_json",
    "dump_yaml",
    "entity_ref_of",
    "is_binary",
    "json_name",
    "json_text",
    "load_yaml",
    "load_yaml_documents",
    "parse_entity_ref",
    "parse_json",
    "parse_repo_url",
    "path_matches",
    "published_action",
    "replace_all",
    "select_paths",
    "skeleton_renderer",
    "stringify_json",
    "yaml_key",
]


@dataclass(frozen=True, slots=True)
class RepoUrl:
    """The parts of a ``repoUrl``, None for what it does not have; ``host`` is with its port, if it has one."""

    host: str
    owner: str | None = None
    repo: str | None = None
    organization: str | None = None
    workspace: str | None = None
    project: str | None = None


def parse_repo_url(text: str, hosts: ScmIntegrations) -> RepoUrl:
    """Take ``github.com?owner=acme&repo=web`` apart, as the filter ``parseRepoUrl`` does.

    Args:
        text: what the form's field ``RepoUrlPicker`` gives.
        hosts: ``ctx.integrations``; the kind of the host says which parameters must be there.

    Raises:
        InputError: it is no URL, no integration knows its host, or a parameter is missing. The wording is Backstage's.
    """
    try:
        found = engine.parse_repo_url(text, lambda host: known.type if (known := hosts.by_host(host)) else None)
    except ValueError as error:
        raise InputError(str(error)) from error
    host = str(found.pop("host"))
    return RepoUrl(host, **{name: part if isinstance(part, str) else None for name, part in found.items()})


def stringify_json(value: Json, replacer: Sequence[str] | None = None, space: str | int = "") -> str:
    """Return the JSON text that ``JSON.stringify(value, replacer, space)`` writes.

    Args:
        value: plain data.
        replacer: the only members that objects keep, at every level, in this order.
        space: what each level is indented with: a text, of which ten characters count, or a number of spaces.

    Raises:
        InputError: the value is nested too deep, or its text is too long.
    """
    try:
        return js_json_text.text(value, replacer, space)
    except Failure as failure:
        raise InputError(failure.message) from failure


def load_yaml_documents(text: str, *, filename: str | None = None) -> Sequence[Json]:
    """Return the values of all documents of a text.

    Raises:
        YamlError: one of them is not valid; the message names ``filename``, line and column.
    """
    documents = load_all(text, filename=filename)
    for document in documents:
        if error := document.error():
            raise error
    return [document.value for document in documents]


def skeleton_renderer(
    services: Services,
    *,
    cookiecutter_compat: bool = False,
    trim_blocks: bool = False,
    lstrip_blocks: bool = False,
) -> Renderer:
    """Return what renders texts and names of a skeleton as ``fetch:template`` does, with the filters of plugins.

    ``renderer.render("Hello ${{ values.name }}", {"values": {"name": "Ada"}})`` is ``"Hello Ada"``.

    Args:
        services: ``ctx.services``, whose filters, globals and hosts are used.
        cookiecutter_compat: as the input ``cookiecutterCompat``: ``{{ cookiecutter.name }}``.
        trim_blocks: a line end behind ``{% … %}`` is removed.
        lstrip_blocks: blanks before ``{% … %}`` at the start of a line are removed.
    """
    hosts = services.integrations

    def type_of_host(host: str) -> str | None:
        found = hosts.by_host(host) if hosts else None
        return found.type if found else None

    return backstage_renderer(
        type_of_host if hosts else default_integrations,
        services.filters,
        services.globals,
        cookiecutter_compat=cookiecutter_compat,
        trim_blocks=trim_blocks,
        lstrip_blocks=lstrip_blocks,
    )


def published_action(id: str) -> JsonObject:  # noqa: A002  # the word of every Backstage template
    """Return what is published of an action of Backstage or of its community, for one of your own under the same id.

    Members: ``description``; ``input`` and, perhaps, ``output`` (JSON Schema, draft 7); ``examples`` (each has a
    ``description`` and, as a list of lines, an ``example``). Do not change the answer.

    Raises:
        FileNotFoundError: the service has no built-in action of this id.
    """
    found: JsonObject = bundled.schema(f"actions/{id.replace(':', '.')}")
    return found
