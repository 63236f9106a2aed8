"""Webhooks, deploy keys, autolinks, pages, subscriptions and switches: stored and returned."""

from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from starlette.responses import Response

from backstage_py.model.json import JsonObject
from backstage_py.sandbox.call import Call, answer, nothing, route
from backstage_py.sandbox.problems import NotFound, Unprocessable, invalid_field
from backstage_py.sandbox.records import Repository, now
from backstage_py.sandbox.rest import links


def _hook(call: Call, repository: Repository, record: JsonObject) -> JsonObject:
    url = f"{links.repository_api(call.host.settings, repository)}/hooks/{record['id']}"
    return record | {
        "type": "Repository",
        "name": "web",
        "url": url,
        "test_url": f"{url}/test",
        "ping_url": f"{url}/pings",
        "deliveries_url": f"{url}/deliveries",
        "last_response": {"code": None, "status": "unused", "message": None},
    }


async def _post_hook(call: Call) -> Response:
    repository, fields = call.find(), await call.fields()
    config = fields.object("config")
    url = config.text("url")
    if urlsplit(url).scheme not in {"http", "https"}:
        raise invalid_field("Hook", "url", "url must be an http or https URL")
    if any(each["config"]["url"] == url for each in repository.book("hooks").values()):
        error = {"resource": "Hook", "code": "custom", "message": "Hook already exists on this repository"}
        raise Unprocessable(errors=[error])
    secret = {"secret": "********"} if config.data.get("secret") else {}
    record = {
        "id": links.number("hook", repository.full_name, url),
        "active": fields.flag("active", default=True),
        "events": fields.texts("events") or ["push"],
        "config": {
            "url": url,
            "content_type": config.text("content_type", "form"),
            "insecure_ssl": str(config.data.get("insecure_ssl", "0")),
            **secret,  # the secret itself is never stored
        },
        "created_at": now(),
        "updated_at": now(),
    }
    await call.change(repository, lambda before: before.with_record("hooks", url, record))
    return answer(_hook(call, repository, record), HTTPStatus.CREATED)


async def _list_hooks(call: Call) -> Response:
    repository = call.find()
    call.caller()
    return answer([_hook(call, repository, record) for record in repository.book("hooks").values()])


async def _patch_hook_config(call: Call) -> Response:
    repository, given = call.find(), (await call.fields()).data
    for url, record in repository.book("hooks").items():
        if str(record["id"]) == call.param("hook"):
            config = {**record["config"], **given, **({"secret": "********"} if given.get("secret") else {})}
            after = record | {"config": config, "updated_at": now()}
            await call.change(repository, lambda before: before.with_record("hooks", url, after))  # noqa: B023  # returns
            return answer(config)
    raise NotFound


async def _post_key(call: Call) -> Response:
    repository, fields = call.find(), await call.fields()
    key = fields.text("key")
    number = links.number("key", repository.full_name, key)
    record = {
        "id": number,
        "key": key,
        "title": fields.text("title", ""),
        "read_only": fields.flag("read_only", default=False),
        "verified": True,
        "created_at": now(),
        "url": f"{links.repository_api(call.host.settings, repository)}/keys/{number}",
    }
    await call.change(repository, lambda before: before.with_record("keys of deployment", key, record))
    return answer(record, HTTPStatus.CREATED)


async def _list_keys(call: Call) -> Response:
    repository = call.find()
    call.caller()
    return answer(list(repository.book("keys of deployment").values()))


async def _post_autolink(call: Call) -> Response:
    repository, fields = call.find(), await call.fields()
    prefix, template = fields.text("key_prefix"), fields.text("url_template")
    if "<num>" not in template:
        raise invalid_field("KeyLink", "url_template", "url_template is missing a <num> token")
    record = {
        "id": links.number("autolink", repository.full_name, prefix),
        "key_prefix": prefix,
        "url_template": template,
        "is_alphanumeric": fields.flag("is_alphanumeric", default=True),
    }
    await call.change(repository, lambda before: before.with_record("autolinks", prefix, record))
    return answer(record, HTTPStatus.CREATED)


async def _list_autolinks(call: Call) -> Response:
    return answer(list(call.find().book("autolinks").values()))


async def _post_pages(call: Call) -> Response:
    repository, fields = call.find(), await call.fields()
    source = fields.object("source")
    record = {
        "url": f"{links.repository_api(call.host.settings, repository)}/pages",
        "status": None,
        "cname": None,
        "custom_404": False,
        "public": True,
        "build_type": fields.text("build_type", "legacy"),
        "html_url": f"{links.repository_page(call.host.settings, repository)}/pages",
        **({"source": {"branch": source.text("branch"), "path": source.text("path", "/")}} if source.data else {}),
    }
    await call.change(repository, lambda before: before.with_record("pages", "site", record))
    return answer(record, HTTPStatus.CREATED)


async def _get_pages(call: Call) -> Response:
    record = call.find().book("pages").get("site")
    if record is None:
        raise NotFound
    return answer(record)


async def _put_subscription(call: Call) -> Response:
    repository, fields = call.find(), await call.fields()
    api = links.repository_api(call.host.settings, repository)
    record = {
        "subscribed": fields.flag("subscribed", default=True),
        "ignored": fields.flag("ignored", default=False),
        "reason": None,
        "created_at": now(),
        "url": f"{api}/subscription",
        "repository_url": api,
    }
    login = call.caller()
    await call.change(repository, lambda before: before.with_record("subscriptions", login, record))
    return answer(record)


async def _put_access(call: Call) -> Response:
    repository, given = call.find(), (await call.fields()).data
    await call.change(repository, lambda before: before.with_record("actions", "access", given))
    return nothing()


async def _put_oidc(call: Call) -> Response:
    repository, given = call.find(), (await call.fields()).data
    await call.change(repository, lambda before: before.with_record("actions", "oidc", given))
    return answer({}, HTTPStatus.CREATED)


_REPOSITORY: Final = "/repos/{owner}/{repo}"
ROUTES = [
    route("GET", f"{_REPOSITORY}/hooks", _list_hooks),
    route("POST", f"{_REPOSITORY}/hooks", _post_hook),
    route("PATCH", f"{_REPOSITORY}/hooks/{{hook}}/config", _patch_hook_config),
    route("GET", f"{_REPOSITORY}/keys", _list_keys),
    route("POST", f"{_REPOSITORY}/keys", _post_key),
    route("GET", f"{_REPOSITORY}/autolinks", _list_autolinks),
    route("POST", f"{_REPOSITORY}/autolinks", _post_autolink),
    route("GET", f"{_REPOSITORY}/pages", _get_pages),
    route("POST", f"{_REPOSITORY}/pages", _post_pages),
    route("PUT", f"{_REPOSITORY}/subscription", _put_subscription),
    route("PUT", f"{_REPOSITORY}/actions/permissions/access", _put_access),
    route("PUT", f"{_REPOSITORY}/actions/oidc/customization/sub", _put_oidc),
]
