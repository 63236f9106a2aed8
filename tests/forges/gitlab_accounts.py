"""Who is on a GitLab: users, namespaces, groups and their members."""

from typing import Any

from tests.forges.gitlab_world import Gitlab, paged
from tests.forges.stand_in import Adding, Answer, Asked, RefusalError


def accounts(gitlab: Gitlab, on: Adding) -> None:
    @on("GET", "/user")
    async def me(asked: Asked) -> Answer:
        return 200, gitlab.users[0]

    @on("GET", "/users")
    async def users(asked: Asked) -> Answer:
        name = asked.query.get("username")
        return paged(asked, [one for one in gitlab.users if name in {None, one["username"]}])

    @on("GET", "/users/:ref")
    async def user(asked: Asked, ref: str) -> Answer:
        for one in gitlab.users:
            if ref == str(one["id"]):
                return 200, one
        raise RefusalError(404, {"message": "404 User Not Found"})

    @on("GET", "/namespaces/:ref")
    async def namespace(asked: Asked, ref: str) -> Answer:
        for one in gitlab.users:
            if ref == one["username"]:
                return 200, {"id": one["id"] + 1000, "kind": "user", "path": ref, "full_path": ref}
        for one in gitlab.groups:
            if ref in {str(one["id"]), one["full_path"]}:
                return 200, {"id": one["id"], "kind": "group", "path": one["path"], "full_path": one["full_path"]}
        raise RefusalError(404, {"message": "404 Namespace Not Found"})

    @on("GET", "/users/:ref/projects")
    async def of_user(asked: Asked, ref: str) -> Answer:
        names = {one["username"] for one in gitlab.users if ref in {one["username"], str(one["id"])}}
        return paged(asked, _matching(gitlab, asked, names))

    @on("GET", "/groups/:ref/projects")
    async def of_group(asked: Asked, ref: str) -> Answer:
        return paged(asked, _matching(gitlab, asked, {gitlab.group(ref)["full_path"]}))


def _matching(gitlab: Gitlab, asked: Asked, namespaces: set[str]) -> list[Any]:
    wanted = asked.query.get("search", "")
    return [
        one
        for one in gitlab.projects
        if one["namespace"]["full_path"] in namespaces
        and wanted in one["path"]
        and gitlab.base.find(one["path_with_namespace"])
    ]


def groups(gitlab: Gitlab, on: Adding) -> None:
    @on("GET", "/groups")
    async def groups(asked: Asked) -> Answer:
        return paged(asked, gitlab.groups)

    @on("GET", "/groups/:ref")
    async def group(asked: Asked, ref: str) -> Answer:
        shares = gitlab.known(f"shares {gitlab.group(ref)['id']}")
        return 200, {**gitlab.group(ref), "shared_with_groups": shares}

    @on("POST", "/groups")
    async def create(asked: Asked) -> Answer:
        above = next((one["full_path"] for one in gitlab.groups if one["id"] == asked.body.get("parent_id")), "")
        full = f"{above}/{asked.body['path']}".strip("/")
        if any(one["full_path"] == full for one in gitlab.groups):
            raise RefusalError(400, {"message": 'Failed to save group {:path=>["has already been taken"]}'})
        extra = {"name": asked.body["name"], "description": asked.body.get("description", "")}
        return 201, gitlab.add_group(full, **extra)

    @on("POST", "/groups/:ref/members")
    async def add_member(asked: Asked, ref: str) -> Answer:
        members = gitlab.known(f"members {gitlab.group(ref)['id']}")
        if any(one["id"] == asked.body["user_id"] for one in members):
            raise RefusalError(409, {"message": "Member already exists"})
        members.append({"id": asked.body["user_id"], "access_level": asked.body["access_level"]})
        return 201, members[-1]

    @on("GET", "/groups/:ref/members/:user")
    async def show_member(asked: Asked, ref: str, user: str) -> Answer:
        for one in gitlab.known(f"members {gitlab.group(ref)['id']}"):
            if str(one["id"]) == user:
                return 200, one
        raise RefusalError(404, {"message": "404 Not found"})

    @on("PUT", "/groups/:ref/members/:user")
    async def edit_member(asked: Asked, ref: str, user: str) -> Answer:
        for one in gitlab.known(f"members {gitlab.group(ref)['id']}"):
            if str(one["id"]) == user:
                one["access_level"] = asked.body["access_level"]
                return 200, one
        raise RefusalError(404, {"message": "404 Not found"})

    @on("DELETE", "/groups/:ref/members/:user")
    async def remove_member(asked: Asked, ref: str, user: str) -> Answer:
        members = gitlab.known(f"members {gitlab.group(ref)['id']}")
        before = len(members)
        members[:] = [one for one in members if str(one["id"]) != user]
        if len(members) == before:
            raise RefusalError(404, {"message": "404 Not found"})
        return 204, None

    @on("POST", "/groups/:ref/share")
    async def share(asked: Asked, ref: str) -> Answer:
        shares = gitlab.known(f"shares {gitlab.group(ref)['id']}")
        if any(one["group_id"] == asked.body["group_id"] for one in shares):
            raise RefusalError(409, {"message": "The group is already shared with this group"})
        shares.append({"group_id": asked.body["group_id"], "group_access": asked.body["group_access"]})
        return 201, gitlab.group(ref)

    @on("DELETE", "/groups/:ref/share/:other")
    async def unshare(asked: Asked, ref: str, other: str) -> Answer:
        shares = gitlab.known(f"shares {gitlab.group(ref)['id']}")
        before = len(shares)
        shares[:] = [one for one in shares if str(one["group_id"]) != other]
        if len(shares) == before:
            raise RefusalError(404, {"message": "404 Not Found"})
        return 204, None

    @on("GET", "/groups/:ref/epics")
    async def epics(asked: Asked, ref: str) -> Answer:
        gitlab.group(ref)
        return paged(asked, gitlab.known("epics"))
