"""What ``POST /analyze-location`` says of repositories; GitHub is a server of the test."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from backstage_py.catalog.service import CatalogService
from backstage_py.errors import ForeignError
from backstage_py.integrations.hosts.scm import ScmRegistry
from backstage_py.model.scm import ScmIntegration
from backstage_py.settings.sections import CatalogSettings
from backstage_py.storage import migrate
from backstage_py.storage.database import Database
from tests.catalog.harness import HOST, RULES, Web, component, documents
from tests.integrations.web_host import WebHost, serve

REPOSITORY = f"{HOST}/acme/shop"
FILE = "/acme/shop/blob/main/services/catalog-info.yaml"


@dataclass
class Site:
    github: WebHost
    web: Web
    database: Database

    def service(self, token: str | None) -> CatalogService:
        host = HOST.removeprefix("https://")
        integration = ScmIntegration("github", host, host, self.github.url, None, token, {})
        settings = CatalogSettings(rules=RULES)
        return CatalogService(self.database, self.web, settings, integrations=ScmRegistry([integration]))

    def found(self, *paths: str) -> None:
        items = [{"path": path} for path in paths]
        answers = {"/search/code": {"total_count": len(items), "items": items}}
        for path, answer in {**answers, "/repos/acme/shop": {"default_branch": "main"}}.items():
            self.github.text(path, json.dumps(answer), Content_Type="application/json")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    database = Database(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    await migrate.upgrade(database)
    async with serve() as github:
        yield Site(github, Web({FILE: documents(component("cart"))}), database)
    await database.close()


async def test_the_entities_of_the_files_that_github_finds_are_listed(site: Site) -> None:
    site.found("services/catalog-info.yaml")
    answer = await site.service("a-token").analyze(REPOSITORY)
    assert answer["generateEntities"] == []
    place, brought = answer["existingEntityFiles"]
    assert place["entity"]["kind"] == "Location"
    assert brought["entity"]["metadata"]["name"] == "cart"
    assert brought["location"] == {"type": "url", "target": HOST + FILE}
    assert brought["isRegistered"] is False
    asked = site.github.requests[0].query["q"]
    assert asked == "filename:catalog-info.yaml extension:yaml repo:acme/shop"


async def test_a_registered_file_is_told_from_others(site: Site) -> None:
    site.found("services/catalog-info.yaml")
    service = site.service("a-token")
    await service.register("url", HOST + FILE)
    files = (await service.analyze(REPOSITORY))["existingEntityFiles"]
    assert all(file["isRegistered"] for file in files)


@pytest.mark.parametrize(("token", "asked"), [("a-token", 1), (None, 0)])
async def test_a_repository_without_files_gets_a_proposal(site: Site, token: str | None, asked: int) -> None:
    site.found()
    answer = await site.service(token).analyze(REPOSITORY)
    assert answer["existingEntityFiles"] == []
    assert answer["generateEntities"][0]["entity"]["metadata"] == {
        "name": "shop",
        "annotations": {"github.com/project-slug": "acme/shop"},
    }
    assert len(site.github.requests) == asked


async def test_a_refusal_of_github_does_not_look_like_one_of_the_catalog(site: Site) -> None:
    site.github.text("/search/code", '{"message": "Bad credentials"}', status=401, Content_Type="application/json")
    with pytest.raises(ForeignError, match="Couldn't search repository for metadata file on GitHub, Bad credentials"):
        await site.service("a-token").analyze(REPOSITORY)
