"""Which credential of ``integrations.azure`` is for which organization, and what is asked for a token of it.

Kinds and the keys by which they are told apart are Backstage's (``@backstage/integration`` 2.2.0): a personal access
token, a service principal with a secret, a managed identity, or one that stands for a service principal.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from backstage_py.model.json import JsonObject
from backstage_py.model.scm import ScmIntegration

PUBLIC_HOST = "dev.azure.com"
_DEVOPS = "499b84ac-1321-427f-aa17-267ca6975798"
"""What Azure DevOps is called as a resource of Entra ID."""
_EXCHANGE = "api://AzureADTokenExchange"
_LOGIN = "https://login.microsoftonline.com"
_METADATA = "http://169.254.169.254"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ANY_IDENTITY = "system-assigned"


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A request for a token. Without a form it is a GET.

    Attributes:
        assertion: what must be asked before; its token goes into the form as ``client_assertion``.
    """

    url: str
    form: Mapping[str, str] | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    assertion: "TokenRequest | None" = None


def choose(integration: ScmIntegration, organization: str) -> JsonObject | None:
    """Return the credential for an organization, or else the one that names none.

    dev.azure.com without any is tried with a service principal of the environment, as Azure's own libraries do:
    ``AZURE_TENANT_ID``, ``AZURE_CLIENT_ID`` and a secret or the token file of a workload identity.
    """
    known: list[JsonObject] = list(integration.options.get("credentials") or ())
    named = next((one for one in known if organization in (one.get("organizations") or ())), None)
    if found := named or next((one for one in known if not one.get("organizations")), None):
        return found
    if integration.token:  # of a configuration for an older Backstage
        return {"personalAccessToken": integration.token}
    return _of_environment() if integration.host == PUBLIC_HOST else None


def organization_of(url: str, host: str) -> str:
    """Return the organization, or the collection of a server, in a URL or path; empty when there is none."""
    parts = [one for one in urlsplit(url).path.split("/") if one]
    if host != PUBLIC_HOST and parts[:1] == ["tfs"]:
        parts = parts[1:]
    return parts[0] if parts else ""


def is_personal(credential: Mapping[str, object]) -> bool:
    """Say whether it is a personal access token, which is sent as a password; others become bearer tokens."""
    return bool(credential.get("personalAccessToken"))


def token_request(credential: Mapping[str, object]) -> TokenRequest:
    """Return what is asked for a token of Azure DevOps."""
    given = {name: str(value).strip() for name, value in credential.items() if isinstance(value, str)}
    client = given.get("clientId", "")
    if not given.get("tenantId"):
        return _of_identity(_DEVOPS, client)
    form = {"grant_type": "client_credentials", "client_id": client, "scope": f"{_DEVOPS}/.default"}
    login = (os.environ.get("AZURE_AUTHORITY_HOST") or _LOGIN).rstrip("/")
    url = f"{login}/{given['tenantId']}/oauth2/v2.0/token"
    if given.get("clientSecret"):
        return TokenRequest(url, {**form, "client_secret": given["clientSecret"]})
    form["client_assertion_type"] = _ASSERTION
    if file := given.get("tokenFile"):
        return TokenRequest(url, {**form, "client_assertion": Path(file).read_text().strip()})
    return TokenRequest(url, form, assertion=_of_identity(_EXCHANGE, given.get("managedIdentityClientId", "")))


def _of_identity(resource: str, client: str) -> TokenRequest:
    """Return what a machine asks for its own identity: its App Service, or the metadata of a virtual machine."""
    named = {} if client in {"", _ANY_IDENTITY} else {"client_id": client}
    if endpoint := os.environ.get("IDENTITY_ENDPOINT"):
        query = urlencode({"api-version": "2019-08-01", "resource": resource, **named})
        return TokenRequest(f"{endpoint}?{query}", headers={"X-IDENTITY-HEADER": os.environ.get("IDENTITY_HEADER", "")})
    base = (os.environ.get("AZURE_POD_IDENTITY_AUTHORITY_HOST") or _METADATA).rstrip("/")
    query = urlencode({"api-version": "2018-02-01", "resource": resource, **named})
    return TokenRequest(f"{base}/metadata/identity/oauth2/token?{query}", headers={"Metadata": "true"})


def _of_environment() -> JsonObject | None:
    names = {
        "tenantId": "AZURE_TENANT_ID",
        "clientId": "AZURE_CLIENT_ID",
        "clientSecret": "AZURE_CLIENT_SECRET",
        "tokenFile": "AZURE_FEDERATED_TOKEN_FILE",
    }
    found: JsonObject = {key: os.environ[name] for key, name in names.items() if os.environ.get(name)}
    is_complete = {"tenantId", "clientId"} <= found.keys() and ("clientSecret" in found or "tokenFile" in found)
    return found if is_complete else None
