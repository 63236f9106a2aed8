"""The trial by compose: its file is one, starts with nothing set, and its two configurations fit each other."""

import re
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema  # type: ignore[import-untyped]  # it has no types

from backstage_py.settings import load, load_settings
from backstage_py.settings.check import Answer
from tests.deploy.rendering import DEPLOY

_COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
_CONFIG = DEPLOY / "compose/app-config.yaml"


def _environment(service: str) -> dict[str, str]:
    """Return what a container gets from somebody who has set no variable: nothing, or what stands behind ``:-``."""
    asked = _COMPOSE["services"][service]["environment"].items()
    return {name: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", value) for name, value in asked if value is not None}


def test_it_is_a_compose_file() -> None:
    jsonschema.validate(_COMPOSE, get_builtin_schema("vendor.compose-spec"))
    for one in _COMPOSE["services"].values():
        for mount in one.get("volumes", ()):
            source = mount.partition(":")[0]
            assert source in _COMPOSE["volumes"] or (DEPLOY / source).is_file(), mount
    assert (
        DEPLOY / _COMPOSE["services"]["backstage-py"]["build"]["context"] / "examples/deploy/Containerfile"
    ).is_file()


def test_the_service_starts_where_nobody_has_set_a_variable() -> None:
    environment = _environment("backstage-py")
    assert environment["DATABASE_PASSWORD"] == _environment("postgres")["POSTGRES_PASSWORD"]
    found = load.findings([_CONFIG], environment)
    assert [str(one) for one in found if one.answer in {Answer.WRONG, Answer.UNKNOWN, Answer.IGNORED}] == []
    mounted = [mount.split(":")[1] for mount in _COMPOSE["services"]["backstage-py"]["volumes"]]
    assert f'"{mounted[0]}"]' in (DEPLOY / "Containerfile").read_text(encoding="utf-8").splitlines()[-1]


def test_backstage_sends_browsers_and_its_backend_to_the_service_which_believes_its_users() -> None:
    ours = load_settings([_CONFIG], _environment("backstage-py"))
    theirs = yaml.safe_load((DEPLOY / "compose/app-config.delegate.yaml").read_text(encoding="utf-8"))
    services = _COMPOSE["services"]
    (endpoint,) = theirs["discovery"]["endpoints"]

    assert endpoint["target"]["external"] == f"{ours.backend.base_url}/api/{{{{pluginId}}}}"
    assert urlsplit(endpoint["target"]["internal"]).hostname in services
    (issuer,) = ours.auth.issuers
    assert issuer.issuer == f"{theirs['backend']['baseUrl']}/api/auth"
    assert urlsplit(issuer.jwks_url).hostname in services
    assert ours.backend.cors
    assert ours.backend.cors.origins == (theirs["app"]["baseUrl"],)
