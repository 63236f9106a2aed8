"""OPA's Data API, as its REST API is published: ``POST /v1/data/<path>`` with ``{"input": …}``."""

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from backstage_py import errors
from backstage_py.errors import ForeignError, InputError, SettingsError
from backstage_py.integrations.web.http import HttpClient, listed_hosts
from backstage_py.model import json
from backstage_py.model.json import Json

_KEY = "policy.opa.url"


async def evaluate(policy: str, path: str, value: Json, config: Mapping[str, Json]) -> Json:
    """Return the document of a package, such as ``kubernetes/admission``, for an input.

    Raises:
        SettingsError: there is no server. InputError: it has no such package. ForeignError, ServiceUnavailableError.
    """
    section = (config.get("policy") or {}).get("opa") or {}
    url = str(section.get("url") or "").rstrip("/")
    if not url.startswith(("https://", "http://")):
        raise SettingsError(_KEY, "it should be the URL of an OPA server, with https:// or http://")
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if token := section.get("token"):
        headers["Authorization"] = f"Bearer {token}"
    words = [one for one in path.replace(".", "/").split("/") if one]
    target = f"{url}/v1/data/{'/'.join(quote(one, safe='') for one in words)}"
    async with HttpClient(listed_hosts([urlsplit(url).netloc])) as http:
        answer = await http.request("POST", target, headers=headers, body=json.dumps({"input": value}))
    if not answer.ok:
        raise errors.of_status(answer.status, f"OPA refused to judge by '{path}': {answer.status} {answer.reason}")
    try:
        document = answer.json()
    except ValueError as error:
        raise ForeignError(f"OPA's answer about '{path}' is no JSON") from error
    if not isinstance(document, Mapping) or "result" not in document:
        raise InputError(f"OPA has no package '{path}', which the policy '{policy}' names")
    return document["result"]
