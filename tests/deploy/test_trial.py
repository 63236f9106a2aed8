"""The two configurations of the trial by compose fit each other: who is sent where, and whose users are believed."""

from urllib.parse import urlsplit

import yaml

from backstage_py.settings import load_settings
from tests.deploy.rendering import DEPLOY

_ENVIRONMENT = {"DATABASE_PASSWORD": "p", "GITHUB_TOKEN": "t"}


def test_backstage_sends_browsers_and_its_backend_to_the_service_which_believes_its_users() -> None:
    ours = load_settings([DEPLOY / "compose/app-config.yaml"], _ENVIRONMENT)
    theirs = yaml.safe_load((DEPLOY / "compose/app-config.delegate.yaml").read_text(encoding="utf-8"))
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]
    (endpoint,) = theirs["discovery"]["endpoints"]

    assert endpoint["target"]["external"] == f"{ours.backend.base_url}/api/{{{{pluginId}}}}"
    assert urlsplit(endpoint["target"]["internal"]).hostname in services
    (issuer,) = ours.auth.issuers
    assert issuer.issuer == f"{theirs['backend']['baseUrl']}/api/auth"
    assert urlsplit(issuer.jwks_url).hostname in services
    assert ours.backend.cors
    assert ours.backend.cors.origins == (theirs["app"]["baseUrl"],)
