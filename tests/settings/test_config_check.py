"""What an operator is told of each key of a configuration; nothing is ignored in silence."""

import json
import re
from pathlib import Path

import pytest

from backstage_py.settings import check, known, load, secret_values
from backstage_py.settings.check import Answer, Finding
from backstage_py.settings.config_path import ConfigPath, dotted
from backstage_py.settings.reading import Reader
from tests.settings import page

_PUBLISHED = Path(__file__).parent / "published"
_KEYS = json.loads((Path(__file__).parents[1] / "golden/settings/backstage-keys.json").read_text(encoding="utf-8"))
_SECRET = "aHVudGVyMi1odW50ZXIyLWh1bnRlcjI="
_PUBLIC = {
    "kubernetes.clusterLocatorMethods[].clusters[].caData": "a certificate is no secret",
    "kubernetes.clusterLocatorMethods[].clusters[].caFile": "the name of a file",
}


def _env() -> dict[str, str]:
    texts = "".join(file.read_text(encoding="utf-8") for file in _PUBLISHED.glob("*.yaml"))
    numbers = {"POSTGRES_PORT": "5432", "APP_ID": "1"}
    urls = dict.fromkeys(("RHDH_BASE_URL", "KC", "APP_WEBHOOK_URL"), "https://acme.example")
    return {**dict.fromkeys(re.findall(r"\$\{(\w+)\}", texts), _SECRET), **numbers, **urls}


def _found(tmp_path: Path, *texts: str, **env: str) -> dict[str, Finding]:
    return {one.key: one for one in _all(tmp_path, *texts, **env)}


def _all(tmp_path: Path, *texts: str, **env: str) -> list[Finding]:
    files = [tmp_path / f"{number}.yaml" for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text, encoding="utf-8")
    return list(load.findings(files, env))


@pytest.mark.parametrize("names", [["create-app"], ["create-app", "create-app.production"], ["demo"], ["rhdh"]])
def test_published_configurations_pass_and_each_key_has_an_answer(names: list[str]) -> None:
    found = load.findings([_PUBLISHED / f"{name}.yaml" for name in names], _env())

    assert [str(one) for one in found if one.answer in (Answer.WRONG, Answer.UNKNOWN, Answer.UNSET)] == []
    assert all(one.reason for one in found if one.answer is not Answer.READ)
    assert {one.key for one in found if one.answer is Answer.NOT_OURS} >= {"techdocs"} or names == ["rhdh"]
    assert _SECRET not in "".join(map(str, found))


def test_every_answer_with_its_file_and_line(tmp_path: Path) -> None:
    found = _found(
        tmp_path,
        "app: {title: One}\n"
        "backend:\n"
        "  listen: {port: many}\n"
        "  cache: {store: memory}\n"
        "  lissen: ':7007'\n"
        "  logger: {level: loud}\n"
        "techdocs: {builder: local, generator: {runIn: local}}\n"
        "acmeThing: {a: 1}\n"
        "organization: {name: '${NOBODY}'}\n"
        "catalog: {processingInterval: 5m}\n",
        "app: {title: Two}\n",
    )

    def told(key: str) -> tuple[str, int | None, str | None]:
        return found[key].answer.value, found[key].line, found[key].reason

    assert told("backend.listen.port") == ("wrong", 3, "expected a whole number from 0 to 65535, found the text 'many'")
    assert told("backend.cache")[:2] == ("ignored", 4)
    assert told("backend.lissen") == ("wrong", 5, "not known; did you mean 'listen'?")
    assert told("backend.logger.level")[:2] == ("wrong", 6)
    assert told("techdocs") == ("not ours", 7, "the TechDocs plugin reads it")
    assert found["techdocs"].keys == 2
    assert told("acmeThing")[:2] == ("unknown", 8)
    assert told("organization.name") == (
        "unset",
        9,
        "the environment variable 'NOBODY' is not set, so the value is left out",
    )
    assert told("catalog.processingInterval") == ("read", 10, None)


def test_a_value_of_an_earlier_file_says_which_one_is_in_force(tmp_path: Path) -> None:
    first, second = _all(tmp_path, "app: {title: One}\n", "# two\napp: {title: Two}\n")
    assert (first.answer, second.answer) == (Answer.OVERRIDDEN, Answer.READ)
    assert str(first.reason).endswith("1.yaml:2 says otherwise")


def test_what_cannot_be_read_at_all_is_wrong_with_its_line(tmp_path: Path) -> None:
    (one,) = _all(tmp_path, "app:\n  title: {$file: nowhere.txt}\n")
    assert (one.answer, one.key, one.line) == (Answer.WRONG, "app.title", 2)
    assert "cannot be read" in str(one.reason)


def test_values_that_contradict_each_other_are_wrong(tmp_path: Path) -> None:
    found = _found(tmp_path, "backend:\n  auth:\n    externalAccess:\n      - type: static\n        options: {}\n")
    assert found["backend.auth.externalAccess[0].options.token"].answer is Answer.WRONG


def test_variables_of_the_environment_are_keys_too(tmp_path: Path) -> None:
    found = _found(tmp_path, "{}", APP_CONFIG_backend_logger_level="loud", APP_CONFIG_techdocs_builder="local")
    assert found["backend.logger.level"].answer is Answer.WRONG
    assert found["backend.logger.level"].place == "the environment (APP_CONFIG_*)"
    assert found["techdocs"].answer is Answer.NOT_OURS


def test_every_key_of_backstages_packages_has_an_answer() -> None:
    assert [key for key in _KEYS["keys"] if known.node(_path(key)) is None] == []


def test_what_backstage_calls_secret_is_never_shown() -> None:
    shown = [
        key
        for key in _KEYS["secret"]
        if (found := known.node(_path(key))) and not found.is_unread
        if secret_values.masked(key, "value") != secret_values.MASK
    ]
    assert set(shown) == set(_PUBLIC)


def test_readers_of_organisations_that_backstage_replaced_are_ignored_by_name(tmp_path: Path) -> None:
    readers = ("ldapOrg", "githubMultiOrg", "microsoftGraphOrg")
    sections = ", ".join(f"{one}: {{providers: []}}" for one in readers)
    found = _found(tmp_path, f"catalog: {{processors: {{{sections}}}}}\nldap: {{providers: []}}\n")
    assert {key: one.answer for key, one in found.items()} == dict.fromkeys(
        (*(f"catalog.processors.{one}" for one in readers), "ldap"), Answer.IGNORED
    )


def test_counts_are_of_values(tmp_path: Path) -> None:
    found = _all(tmp_path, "techdocs: {a: 1, b: [1, 2]}\napp: {title: T}\n")
    assert check.counts(found) == {"read": 1, "not ours": 3}


def _path(key: str) -> ConfigPath:
    parts: list[str | int] = []
    for part in key.split("."):
        name = part.replace("[]", "")
        parts += [name, *[0] * part.count("[]")]
    return tuple(parts)


def test_the_page_of_the_docs_is_made_of_the_description() -> None:
    written = (Path(__file__).parents[2] / "docs/configuration.md").read_text(encoding="utf-8")
    assert written == page.page(), "python -m tests.settings.page > docs/configuration.md"


_RICHER = """
backend:
  listen: {host: '', port: 7007}
  database: {client: pg, connection: {host: h, port: 1, user: u, password: p, database: d, ssl: {ca: c}}}
  auth:
    externalAccess:
      - {type: static, options: {token: 12345678a, subject: s}, accessRestrictions: [{plugin: catalog}]}
  cors: {origin: http://x}
auth: {issuers: [{issuer: http://y/api/auth}], providers: {guest: {}}}
catalog:
  rules: [{allow: [Component], locations: [{type: url}]}]
  locations: [{type: file, target: ./x.yaml, rules: [{allow: [API]}]}]
  processorOptions: {x: {priority: 1}}
discovery: {endpoints: [{target: {internal: http://x}, plugins: [a]}]}
integrations: {github: [{}], gitlab: [{host: g.example, apiBaseUrl: http://g/api}]}
sandbox: {root: ./s}
"""


_REFUSED = {"catalog.stitchingStrategy.pollingInterval", "catalog.stitchingStrategy.stitchTimeout"}
"""Without effect, but refused when they are no durations, as Backstage refuses them."""


def test_every_key_that_the_conversion_asks_for_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: set[ConfigPath] = set()
    towards = Reader._towards  # the one place through which each look into a section goes

    def noticing(self: Reader, key: str) -> tuple[Reader, str]:
        inner, name = towards(self, key)
        asked.add((*inner._path, name))
        return inner, name

    monkeypatch.setattr(Reader, "_towards", noticing)
    files = [*_PUBLISHED.glob("*.yaml"), tmp_path / "richer.yaml"]
    files[-1].write_text(_RICHER, encoding="utf-8")
    for file in files:
        load.load_files([file], _env())

    assert len(asked) > 100
    unknown = {dotted(path) for path in asked if (found := known.node(path)) is None or found.is_unread}
    assert unknown == _REFUSED


def test_every_section_that_a_room_reads_by_itself_is_known() -> None:
    root = Path(__file__).parents[2]
    sources = [*(root / "backstage_py/integrations").rglob("*.py"), *(root / "actions").rglob("*.py")]
    texts = "\n".join(file.read_text(encoding="utf-8") for file in sources)
    sections = set(re.findall(r"config(?: or \{\})?\)?\.get\(\"([\w-]+)\"\)", texts))

    assert {"scaffolder", "kubernetes", "slack"} <= sections
    assert {one for one in sections if known.node((one,)) is None} == set()


_SCHEDULE = "schedule: {frequency: {hours: 1}, timeout: {minutes: 3}}"


@pytest.mark.parametrize(
    ("provider", "key", "kind"),
    [
        (f"gitlab:\n      ours:\n        host: git.acme.example\n        {_SCHEDULE}", "gitlab.ours.host", "gitlab"),
        (
            f"github:\n      ours:\n        host: git.acme.example\n        organization: acme\n        {_SCHEDULE}",
            "github.ours.host",
            "github",
        ),
        (
            f"githubOrg:\n      - id: ours\n        githubUrl: https://git.acme.example\n        {_SCHEDULE}",
            "githubOrg[0].githubUrl",
            "github",
        ),
        (
            f"gitea:\n      ours:\n        host: git.acme.example\n        organization: acme\n        {_SCHEDULE}",
            "gitea.ours.host",
            "gitea",
        ),
    ],
)
def test_a_provider_whose_host_no_integration_has(tmp_path: Path, provider: str, key: str, kind: str) -> None:
    text = f"catalog:\n  providers:\n    {provider}\n"
    one = _found(tmp_path, text)[f"catalog.providers.{key}"]

    assert one.answer is Answer.WRONG
    assert f"'git.acme.example' is no host of integrations.{kind}" in str(one.reason)
    own = {"gitlab": ", apiBaseUrl: https://git.acme.example/api/v4", "gitea": ""}.get(kind, "")
    known = f"integrations:\n  {kind}: [{{host: git.acme.example{own}}}]\n"
    assert not any(found.answer is Answer.WRONG for found in _all(tmp_path, text + known))
