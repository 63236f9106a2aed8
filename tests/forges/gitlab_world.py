"""What there is on a GitLab: groups, users, projects and what belongs to them."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from tests.forges.stand_in import Answer, Asked, RefusalError, StandIn

PREFIX = "/api/v4"
NOW = "2026-01-02T03:04:05.678Z"


@dataclass
class Gitlab:
    """Groups, users, projects and what belongs to them; ids are given in order."""

    base: StandIn
    users: list[dict[str, Any]] = field(default_factory=list)
    groups: list[dict[str, Any]] = field(default_factory=list)
    projects: list[dict[str, Any]] = field(default_factory=list)
    things: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    last: int = 100

    def next(self) -> int:
        self.last += 1
        return self.last

    def add_user(self, username: str, **more: Any) -> dict[str, Any]:
        url = f"{self.base.url}/{username}"
        user = {"id": self.next(), "username": username, "name": username.title(), "state": "active", "web_url": url}
        self.users.append(user | more)
        return self.users[-1]

    def add_group(self, full_path: str, **more: Any) -> dict[str, Any]:
        parent, _, path = full_path.rpartition("/")
        above = next((one["id"] for one in self.groups if one["full_path"] == parent), None)
        group = {"id": self.next(), "name": path, "path": path, "full_path": full_path, "parent_id": above}
        self.groups.append(group | more)
        return self.groups[-1]

    async def add_project(
        self, full_path: str, *, branch: str = "main", files: Any = None, is_seed: bool = False, **more: Any
    ) -> Any:
        if not is_seed and self.base.find(full_path) is None:
            await self.base.repository(full_path, branch=branch, files=files)
        namespace, _, path = full_path.rpartition("/")
        owner = next((one for one in self.groups if one["full_path"] == namespace), {"id": 1})
        url = f"{self.base.url}/{full_path}"
        self.projects.append(
            {
                "id": self.next(),
                "name": path,
                "path": path,
                "path_with_namespace": full_path,
                "description": None,
                "visibility": "private",
                "default_branch": branch if files else None,
                "http_url_to_repo": f"{url}.git",
                "web_url": url,
                "namespace": {"id": owner["id"], "full_path": namespace},
                "is_seed": is_seed,
                **more,
            }
        )
        return self.projects[-1]

    def known(self, kind: str) -> list[dict[str, Any]]:
        return self.things.setdefault(kind, [])

    def group(self, ref: str) -> dict[str, Any]:
        for one in self.groups:
            if ref in {str(one["id"]), one["full_path"]}:
                return one
        raise RefusalError(404, {"message": "404 Group Not Found"})

    def project(self, ref: str) -> dict[str, Any]:
        for one in self.projects:
            there = one["is_seed"] or self.base.find(one["path_with_namespace"])
            if ref in {str(one["id"]), one["path_with_namespace"]} and there:
                return one
        raise RefusalError(404, {"message": "404 Project Not Found"})

    def bare(self, ref: str) -> Any:
        return self.base.bare(self.project(ref)["path_with_namespace"])


def paged(asked: Asked, items: list[Any]) -> Answer:
    """A page of a list, with GitLab's headers."""
    size, page = int(asked.query.get("per_page", 20)), int(asked.query.get("page", 1))
    following = str(page + 1) if page * size < len(items) else ""
    headers = {"x-page": str(page), "x-per-page": str(size), "x-next-page": following, "x-total": str(len(items))}
    if following:
        query = urlencode({**asked.query, "page": following, "per_page": str(size)})
        path = "/".join(quote(part, safe="") for part in asked.path)
        headers["link"] = f'<http://{asked.headers["host"]}{PREFIX}/{path}?{query}>; rel="next"'
    return 200, items[(page - 1) * size : page * size], headers
