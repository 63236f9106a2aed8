"""``backstage-py doctor`` between a real service and a Backstage's answers."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from typer.testing import CliRunner, Result

from backstage_py.cli.main import app
from tests import patience
from tests.cli.backstage_stand_in import StandIn
from tests.contract import harness
from tests.storage.postgres import postgres


@dataclass(frozen=True, slots=True)
class Both:
    """The service, the Backstage, and the configuration that both read."""

    url: str
    backstage: StandIn
    config: dict[str, Any]
    folder: Path

    def doctor(self, *arguments: str, config: dict[str, Any] | None = None, token: str | None = None) -> Result:
        file = self.folder / "doctor.yaml"
        file.write_text(json.dumps(config or self.config), encoding="utf-8")
        env = {"BACKSTAGE_TOKEN": token or ""}
        return CliRunner().invoke(app, ["doctor", "--config", str(file), *arguments], env=env)

    def sending(self, *plugins: str) -> dict[str, Any]:
        """Return the configuration with other plugins sent to the service."""
        config = deepcopy(self.config)
        config["discovery"]["endpoints"][0]["plugins"] = list(plugins)
        return config

    def found(self, config: dict[str, Any] | None = None, token: str | None = None) -> dict[tuple[str, str], Any]:
        result = self.doctor("--format", "json", config=config, token=token)
        lines = json.loads(result.stdout)["checks"]
        assert result.exit_code == int(any(one["outcome"] == "problem" for one in lines))
        return {(one["way"], one["check"]): one for one in lines}


def takes(url: str, token: str) -> bool:
    """Say whether the service takes a user's token."""
    asked = Request(f"{url}/api/scaffolder/v2/actions", headers={"Authorization": f"Bearer {token}"})
    try:
        with urlopen(asked) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except HTTPError as error:
        error.close()
        return False


@contextmanager
def both(folder: Path, *plugins: str) -> Iterator[Both]:
    port = harness.free_port()
    url = f"http://127.0.0.1:{port}"
    with StandIn().running() as backstage:
        endpoints = [{"target": f"{url}/api/{{{{pluginId}}}}", "plugins": list(plugins)}]
        backstage.endpoints = endpoints
        config = {
            "app": {"baseUrl": backstage.url},
            "backend": {
                "baseUrl": backstage.url,
                "cors": {"origin": backstage.url, "credentials": True},
                "actions": {"pluginSources": ["backstage-py"]},
            },
            "discovery": {"endpoints": endpoints},
            "permission": {"enabled": True},
        }
        file = folder / "app-config.yaml"
        file.write_text(json.dumps(config), encoding="utf-8")
        service = harness.start(folder, file, port=port)
        try:
            # It asks for the keys now; where that takes too long, as on a busy machine, it asks again in half a minute.
            patience.wait(lambda: takes(url, backstage.token), "the service knows Backstage's keys")
            yield Both(url, backstage, config, folder)
        finally:
            service.process.kill()
            service.process.wait()


@pytest.fixture(scope="module")
def delegated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """A service that can be used in ways 1 and 3."""
    with both(tmp_path_factory.mktemp("delegated"), "scaffolder", "catalog", "backstage-py") as found:
        yield found


@pytest.fixture
def site(delegated: Both) -> Iterator[Both]:
    """The same, with a Backstage as at first after each test."""
    endpoints = delegated.backstage.endpoints
    delegated.backstage.actions = ["fetch:template", "backstage-py:debug:log"]
    yield delegated
    delegated.backstage.endpoints = endpoints
    delegated.backstage.has_guests = True
    delegated.backstage.missing = set()


def test_what_fits_together_is_well_in_each_way(site: Both) -> None:
    result = site.doctor("--backstage", site.backstage.url)

    assert result.exit_code == 0, result.output
    assert "0 problem, 0 skipped" in result.stdout
    assert {way for way, _ in site.found()} == {"all", "frontend", "scaffolder"}


def test_a_backstage_that_keeps_its_scaffolder_is_asked_for_our_actions(site: Both) -> None:
    config = site.sending("backstage-py")

    lines = site.found(config)

    assert {one["outcome"] for one in lines.values()} == {"ok"}, lines
    assert lines["scaffolder", "listing"]["text"] == "Backstage lists 1 actions of 'backstage-py'"

    site.backstage.actions = ["fetch:template"]
    assert "backend.actions.pluginSources" in site.found(config)["scaffolder", "listing"]["advice"]


@pytest.mark.thorough
def test_a_backstage_that_keeps_its_catalog_is_asked_for_it(tmp_path: Path) -> None:
    with both(tmp_path, "scaffolder") as found:
        lines = found.found()
        assert {one["outcome"] for one in lines.values()} == {"ok"}, lines
        assert found.backstage.url in lines["catalog", "catalog"]["text"]

        found.backstage.missing = {"/api/catalog/entities/by-refs"}
        assert found.found()["catalog", "catalog"]["outcome"] == "problem"


def test_an_origin_that_may_not_ask_is_told_with_the_key(site: Both) -> None:
    config = deepcopy(site.config)
    config["app"]["baseUrl"] = site.backstage.url.replace("127.0.0.1", "localhost")

    cors = site.found(config)["frontend", "cors"]

    assert cors["outcome"] == "problem"
    assert f"set 'backend.cors.origin: {config['app']['baseUrl']}'" in cors["advice"]


def test_a_page_that_sends_browsers_elsewhere_is_told(site: Both) -> None:
    site.backstage.endpoints = [{"target": f"{site.url}/api/{{{{pluginId}}}}", "plugins": ["scaffolder"]}]

    lines = site.found()

    assert lines["frontend", "frontend"]["outcome"] == "ok"
    assert lines["frontend", "frontend-catalog"]["outcome"] == "problem"
    assert "its own backend" in lines["frontend", "frontend-catalog"]["text"]


def test_a_token_of_another_backstage_is_refused_and_the_reason_told(site: Both) -> None:
    with StandIn().running() as other:
        line = site.found(token=other.token)["frontend", "token"]

    assert line["outcome"] == "problem"
    assert "auth.issuers" in line["advice"]


def test_without_a_token_what_needs_one_is_skipped_and_no_problem(site: Both) -> None:
    site.backstage.has_guests = False

    lines = site.found()

    skipped = {check for (_, check), one in lines.items() if one["outcome"] == "skipped"}
    assert skipped == {"token", "actions"}
    assert all("BACKSTAGE_TOKEN" in one["advice"] for one in lines.values() if one["outcome"] == "skipped")
    assert site.found(token=site.backstage.token)["frontend", "token"]["outcome"] == "ok"


def test_missing_keys_and_permissions_are_told(site: Both) -> None:
    site.backstage.missing = {"/api/auth/.well-known/jwks.json", "/api/permission/authorize"}

    lines = site.found()

    assert lines["all", "backstage-keys"]["outcome"] == "problem"
    assert lines["all", "permissions"]["outcome"] == "problem"


def test_a_service_that_is_not_there_is_a_problem_of_each_check(site: Both) -> None:
    config = site.sending("scaffolder", "catalog")
    config["discovery"]["endpoints"][0]["target"] = f"http://127.0.0.1:{harness.free_port()}/api/{{{{pluginId}}}}"

    lines = site.found(config)

    assert lines["all", "service"]["outcome"] == lines["all", "health"]["outcome"] == "problem"
    assert lines["all", "backstage-keys"]["outcome"] == "ok"


@pytest.mark.parametrize("is_trusted", [True, False])
def test_a_configuration_of_the_service_alone_must_trust_the_users(site: Both, *, is_trusted: bool) -> None:
    issuers = [{"issuer": f"{site.backstage.url}/api/auth"}] if is_trusted else []
    config = {"app": site.config["app"], "backend": {"baseUrl": site.url}, "auth": {"issuers": issuers}}

    result = site.doctor("--backstage", site.backstage.url, config=config)

    assert result.exit_code == int(not is_trusted), result.stdout
    assert ("trusts no users of" in result.stdout) is not is_trusted


def test_alone_the_service_is_asked_and_nobody_else(site: Both) -> None:
    lines = site.found({"backend": {"baseUrl": site.url}})

    assert set(lines) == {("all", "service"), ("all", "health"), ("alone", "token")}


def test_a_token_is_not_sent_where_a_file_says_that_was_not_named(
    site: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app-config.yaml").write_text(json.dumps(site.config), encoding="utf-8")
    site.backstage.has_guests = False

    result = CliRunner().invoke(app, ["doctor", "--format", "json"], env={"BACKSTAGE_TOKEN": site.backstage.token})

    lines = {(one["way"], one["check"]): one for one in json.loads(result.stdout)["checks"]}
    assert lines["frontend", "token"]["outcome"] == "skipped"


@pytest.mark.thorough
def test_the_fourth_way_works_as_its_page_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs/operators/ways.md").read_text(encoding="utf-8")
    text = re.findall(r'^```yaml title="app-config.yaml"\n(.*?)^```$', page, re.MULTILINE | re.DOTALL)[3]
    port = harness.free_port()
    file = tmp_path / "app-config.yaml"
    file.write_text(text.replace("https://backstage-py.example.com", f"http://127.0.0.1:{port}"), encoding="utf-8")
    monkeypatch.setenv("CI_TOKEN", "a-token-of-a-script")
    service = harness.start(tmp_path, file, port=port)
    try:
        result = CliRunner().invoke(app, ["doctor", "-c", str(file)], env={"BACKSTAGE_TOKEN": "a-token-of-a-script"})
    finally:
        service.process.kill()
        service.process.wait()

    assert result.exit_code == 0, result.stdout
    assert "3 ok, 0 problem, 0 skipped" in result.stdout


def test_a_database_that_does_not_answer_or_has_no_tables_is_told(site: Both) -> None:
    def line(url: str) -> dict[str, Any]:
        config = deepcopy(site.config)
        config["backend"]["database"] = {"client": "pg", "connection": url}
        found: dict[str, Any] = site.found(config)["all", "database"]
        return found

    away = line(f"postgresql://me:very-secret@127.0.0.1:{harness.free_port()}/portal")
    assert (away["outcome"], "very-secret" in str(away)) == ("problem", False)
    assert "does not answer" in away["text"]
    with postgres() as server:
        url = server.new_database("empty").replace("+psycopg", "")
        empty = line(url)
        config = str(site.folder / "doctor.yaml")  # in a process: loggers keep the stream that the command gives them
        subprocess.run([sys.executable, "-m", "backstage_py.cli", "migrate", "--config", config], check=True)
        assert line(url)["outcome"] == "ok"
    assert empty["outcome"] == "problem"
    assert "has no tables" in empty["text"]
