"""The part of GitLab's REST API that Backstage's module and this project use, in memory, over real repositories.

Shapes and refusals follow GitLab's documentation of API version 4.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.forges import gitlab_accounts, gitlab_projects, gitlab_things, stand_in
from tests.forges.gitlab_world import NOW, PREFIX, Gitlab
from tests.forges.stand_in import Asked, RefusalError, Route, StandIn


def guard(base: StandIn, asked: Asked) -> None:
    """Take any token as a personal one or as one of OAuth: ``expired`` is expired, and ``weak`` may only read."""
    bearer = asked.headers.get("authorization", "").removeprefix("Bearer ")
    token = asked.headers.get("private-token") or bearer
    if token == "expired":
        raise RefusalError(401, {"error": "invalid_token", "error_description": "Token is expired."})
    if token == "weak" and asked.method != "GET":
        words = "The request requires higher privileges than provided by the access token."
        raise RefusalError(403, {"error": "insufficient_scope", "error_description": words, "scope": "api"})
    if not token:
        raise RefusalError(401, {"message": "401 Unauthorized"})


def routes(gitlab: Gitlab) -> list[Route]:
    """What is answered."""
    found: list[Route] = []
    on = stand_in.adding(found)
    gitlab_accounts.accounts(gitlab, on)
    gitlab_accounts.groups(gitlab, on)
    gitlab_projects.projects(gitlab, on)
    gitlab_projects.repositories(gitlab, on)
    gitlab_things.requests(gitlab, on)
    gitlab_things.things(gitlab, on)
    return found


@asynccontextmanager
async def serve(root: Path, *, token: str | None = None, port: int = 0) -> AsyncIterator[Gitlab]:
    """A GitLab with the user ``ada``, whose token is known."""
    kept: list[Gitlab] = []

    def made(base: StandIn) -> list[Route]:
        kept.append(Gitlab(base))
        kept[0].add_user("ada", email="ada@test", created_at=NOW, public_email="")
        return routes(kept[0])

    async with stand_in.serve(root, PREFIX, made, guard, token=token, port=port):
        yield kept[0]
