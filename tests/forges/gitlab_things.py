"""What stands beside a repository of a GitLab: merge requests, issues, variables, hooks, triggers, imports."""

from typing import Any

from backstage_py.sandbox.gitrepo import refs
from tests.forges.gitlab_world import NOW, Gitlab, paged
from tests.forges.stand_in import Adding, Answer, Asked, RefusalError


def requests(gitlab: Gitlab, on: Adding) -> None:
    def requests(ref: str) -> list[dict[str, Any]]:
        return gitlab.known(f"requests {gitlab.project(ref)['id']}")

    def request(ref: str, iid: str) -> dict[str, Any]:
        for one in requests(ref):
            if str(one["iid"]) == iid:
                return one
        raise RefusalError(404, {"message": "404 Not found"})

    @on("POST", "/projects/:ref/merge_requests")
    async def create(asked: Asked, ref: str) -> Answer:
        source = asked.body["source_branch"]
        if any(one["source_branch"] == source and one["state"] == "opened" for one in requests(ref)):
            said = f"Another open merge request already exists for this source branch: !{requests(ref)[0]['iid']}"
            raise RefusalError(409, {"message": [said]})
        iid = len(requests(ref)) + 1
        url = f"{gitlab.project(ref)['web_url']}/-/merge_requests/{iid}"
        sha = await refs.commit_of(gitlab.bare(ref), f"refs/heads/{source}")
        more = {"id": gitlab.next(), "iid": iid, "state": "opened", "web_url": url, "sha": sha}
        requests(ref).append({**asked.body, **more, "detailed_merge_status": "mergeable"})
        return 201, requests(ref)[-1]

    @on("GET", "/projects/:ref/merge_requests")
    async def listed(asked: Asked, ref: str) -> Answer:
        source, target = asked.query.get("source_branch"), asked.query.get("target_branch")
        kept = [
            one
            for one in requests(ref)
            if source in {None, one["source_branch"]} and target in {None, one["target_branch"]}
        ]
        return paged(asked, kept)

    @on("GET", "/projects/:ref/merge_requests/:iid")
    async def show(asked: Asked, ref: str, iid: str) -> Answer:
        return 200, request(ref, iid)

    @on("PUT", "/projects/:ref/merge_requests/:iid")
    async def edit(asked: Asked, ref: str, iid: str) -> Answer:
        request(ref, iid).update(asked.body)
        return 200, request(ref, iid)

    @on("PUT", "/projects/:ref/merge_requests/:iid/merge")
    async def merge(asked: Asked, ref: str, iid: str) -> Answer:
        request(ref, iid)["merge_when_pipeline_succeeds"] = True
        return 200, request(ref, iid)

    @on("GET", "/projects/:ref/merge_requests/:iid/approval_rules")
    async def rules(asked: Asked, ref: str, iid: str) -> Answer:
        return paged(asked, [{"id": 1, "eligible_approvers": [{"id": one["id"]} for one in gitlab.users[1:2]]}])


def things(gitlab: Gitlab, on: Adding) -> None:
    def created(kind: str, **more: Any) -> Any:
        async def create(asked: Asked, ref: str) -> Answer:
            known = gitlab.known(f"{kind} {gitlab.project(ref)['id']}")
            thing = {**(asked.body or {}), **asked.query, "id": gitlab.next(), "iid": len(known) + 1}
            known.append(thing | {name: value(ref, thing) for name, value in more.items()})
            return 201, known[-1]

        return create

    def listed(kind: str) -> Any:
        async def get(asked: Asked, ref: str) -> Answer:
            return paged(asked, gitlab.known(f"{kind} {gitlab.project(ref)['id']}"))

        return get

    def page(folder: str) -> Any:
        return lambda ref, thing: f"{gitlab.project(ref)['web_url']}/-/{folder}/{thing['iid']}"

    def secret(prefix: str) -> Any:
        return lambda _id, thing: f"{prefix}-{thing['id']}"

    on("POST", "/projects/:ref/issues")(
        created(
            "issues",
            web_url=page("issues"),
            state=lambda *_: "opened",
            project_id=lambda ref, _: gitlab.project(ref)["id"],
        )
    )
    on("GET", "/projects/:ref/issues")(listed("issues"))
    on("POST", "/projects/:ref/triggers")(created("triggers", token=secret("glptt")))
    on("POST", "/projects/:ref/access_tokens")(created("access tokens", token=secret("glpat")))
    on("GET", "/projects/:ref/access_tokens")(listed("access tokens"))
    on("POST", "/projects/:ref/deploy_tokens")(
        created(
            "deploy tokens",
            token=secret("gldt"),
            username=lambda _, t: t.get("username") or f"gitlab+deploy-token-{t['id']}",
        )
    )
    on("GET", "/projects/:ref/deploy_tokens")(listed("deploy tokens"))
    on("POST", "/projects/:ref/hooks")(created("hooks"))
    on("GET", "/projects/:ref/hooks")(listed("hooks"))

    @on("PUT", "/projects/:ref/hooks/:hook")
    async def edit_hook(asked: Asked, ref: str, hook: str) -> Answer:
        for one in gitlab.known(f"hooks {gitlab.project(ref)['id']}"):
            if str(one["id"]) == hook:
                one.update(asked.body)
                return 200, one
        raise RefusalError(404, {"message": "404 Not found"})

    @on("PUT", "/projects/:ref/issues/:iid")
    async def edit_issue(asked: Asked, ref: str, iid: str) -> Answer:
        project = gitlab.project(ref)
        for one in gitlab.known(f"issues {project['id']}"):
            if str(one["iid"]) == iid:
                one.update(asked.body, updated_at=NOW, project_id=project["id"])
                return 200, one
        raise RefusalError(404, {"message": "404 Not found"})

    @on("DELETE", "/projects/:ref/triggers/:trigger")
    async def remove_trigger(asked: Asked, ref: str, trigger: str) -> Answer:
        known = gitlab.known(f"triggers {gitlab.project(ref)['id']}")
        known[:] = [one for one in known if str(one["id"]) != trigger]
        return 204, None

    @on("POST", "/projects/:ref/trigger/pipeline")
    async def trigger(asked: Asked, ref: str) -> Answer:
        known = gitlab.known(f"pipelines {gitlab.project(ref)['id']}")
        given = {**(asked.body or {}), **asked.query}
        url = f"{gitlab.project(ref)['web_url']}/-/pipelines/{len(known) + 1}"
        known.append(
            {"id": gitlab.next(), "ref": given.get("ref"), "variables": given.get("variables"), "web_url": url}
        )
        return 201, known[-1]

    @on("POST", "/projects/:ref/variables")
    async def variable(asked: Asked, ref: str) -> Answer:
        known = gitlab.known(f"variables {gitlab.project(ref)['id']}")
        given = {"environment_scope": "*", **asked.body}
        if any((o["key"], o["environment_scope"]) == (given["key"], given["environment_scope"]) for o in known):
            raise RefusalError(400, {"message": {"key": [f"({given['key']}) has already been taken"]}})
        known.append(given)
        return 201, given

    @on("GET", "/projects/:ref/variables/:key")
    async def show_variable(asked: Asked, ref: str, key: str) -> Answer:
        scope = asked.query.get("filter[environment_scope]", "*")
        for one in gitlab.known(f"variables {gitlab.project(ref)['id']}"):
            if (one["key"], one["environment_scope"]) == (key, scope):
                return 200, one
        raise RefusalError(404, {"message": "404 Variable Not Found"})

    @on("POST", "/bulk_imports")
    async def migrate(asked: Asked) -> Answer:
        made = {"id": gitlab.next(), "status": "created", "source_url": asked.body["configuration"]["url"]}
        gitlab.known("imports").append(made)
        for one in asked.body["entities"]:
            gitlab.known("entities").append({**one, "id": gitlab.next(), "bulk_import_id": made["id"]})
        return 201, made

    @on("GET", "/bulk_imports/entities")
    async def entities(asked: Asked) -> Answer:
        return paged(asked, gitlab.known("entities"))

    @on("GET", "/bulk_imports/:ref")
    async def migration(asked: Asked, ref: str) -> Answer:
        return 200, next(one for one in gitlab.known("imports") if str(one["id"]) == ref)
