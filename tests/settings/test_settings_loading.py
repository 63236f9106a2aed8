"""What an operator writes into app-config.yaml, and what the service makes of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from backstage_py.errors import SettingsError
from backstage_py.settings import load_settings, with_listen
from backstage_py.settings.addresses import Addresses
from backstage_py.settings.sections import Settings

Load = Callable[..., Settings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Write each text as a file and load them in order."""

    def run(*texts: str, **env: str) -> Settings:
        paths = []
        for number, text in enumerate(texts):
            path = tmp_path / f"app-config.{number}.yaml"
            path.write_text(text, encoding="utf-8")
            paths.append(path)
        return load_settings(paths, env)

    return run


def test_nothing_is_required(load: Load) -> None:
    settings = load("{}")
    assert (settings.backend.host, settings.backend.port) == ("127.0.0.1", 7007)
    assert settings.backend.base_url == "http://127.0.0.1:7007"
    assert not settings.auth.guest
    assert settings.sandbox is None


def test_later_files_merge_objects_and_replace_arrays(load: Load) -> None:
    settings = load(
        "app: {title: One, baseUrl: http://a}\nbackend: {reading: {allow: [{host: a.example}, {host: b.example}]}}",
        "app: {title: Two}\nbackend: {reading: {allow: [{host: c.example, paths: [/x]}]}}",
    )
    assert (settings.app_title, settings.app_base_url) == ("Two", "http://a")
    assert [(rule.host, rule.paths) for rule in settings.backend.reading] == [("c.example", ("/x",))]


def test_a_null_in_a_later_file_removes_a_value(load: Load) -> None:
    assert load("app: {title: One}", "app: {title: null}").app_title == "Backstage"


@pytest.mark.parametrize(
    ("text", "env", "title"),
    [
        ("Hello ${NAME}!", {"NAME": "World"}, "Hello World!"),
        ("${NAME}", {"NAME": "  padded "}, "padded"),
        ("$${NAME}", {"NAME": "x"}, "${NAME}"),
        ("${NAME:-fallback}", {}, "fallback"),
        ("${NAME:-fallback}", {"NAME": ""}, "fallback"),
        ("${NAME:-fallback}", {"NAME": "set"}, "set"),
        ("a ${MISSING} b", {}, "Backstage"),  # a text with an unset variable is no value at all
        ("a $NAME b", {"NAME": "x"}, "a $NAME b"),
    ],
)
def test_variables_in_texts(load: Load, text: str, env: dict[str, str], title: str) -> None:
    assert load(f"app: {{title: '{text}'}}", **env).app_title == title


def test_env_file_and_include_stand_for_values(load: Load, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("from file\n", encoding="utf-8")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "more.yaml").write_text("deep: {name: {$file: ../secret.txt}}", encoding="utf-8")
    settings = load(
        "app: {title: {$env: TITLE}}\n"
        "organization: {$include: './inner/more.yaml#deep'}\n"
        "scaffolder: {defaultCommitMessage: {$file: '${FOLDER}/secret.txt'}}",
        TITLE="from env",
        FOLDER=".",
    )
    assert settings.app_title == "from env"
    assert settings.organization == "from file"
    assert settings.scaffolder.default_commit_message == "from file"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("{$file: missing.txt}", "missing.txt cannot be read: No such file"),
        ("{$include: x.toml}", "reads .yaml, .yml and .json"),
        ("{$file: a, other: b}", "must not have other keys beside it"),
        ("{$file: '${UNSET}'}", "a variable that is not set"),
    ],
)
def test_a_broken_include_names_key_and_file(load: Load, value: str, words: str) -> None:
    with pytest.raises(SettingsError, match=r"'app.title' in .*app-config\.0\.yaml") as caught:
        load(f"app: {{title: {value}}}")
    assert words in caught.value.message


def test_a_file_that_includes_itself_is_refused(load: Load, tmp_path: Path) -> None:
    (tmp_path / "circle.yaml").write_text("{$include: circle.yaml}", encoding="utf-8")
    with pytest.raises(SettingsError, match="circle"):
        load("app: {$include: circle.yaml}")


def test_the_environment_overrides_every_file(load: Load) -> None:
    settings = load(
        "app: {title: File}\nscaffolder: {concurrentTasksLimit: 3}",
        APP_CONFIG_app_title="Environment",
        APP_CONFIG_scaffolder_concurrentTasksLimit="7",
        APP_CONFIG_backend_listen='{"port": 8080}',
    )
    assert settings.app_title == "Environment"
    assert settings.scaffolder.concurrent_tasks_limit == 7
    assert settings.backend.port == 8080


def test_contradicting_variables_are_refused(load: Load) -> None:
    with pytest.raises(SettingsError, match="APP_CONFIG_app_title"):
        load("{}", APP_CONFIG_app="1", APP_CONFIG_app_title="x")


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("{minutes: 5}", 300.0),
        ("{hours: 1, seconds: 30}", 3630.0),
        ("5m", 300.0),
        ("1.5 hours", 5400.0),
        ("250ms", 0.25),
        ("PT5M", 300.0),
        ("P1DT2H", 93_600.0),
        ("PT0.5S", 0.5),
    ],
)
def test_durations_in_every_form(load: Load, written: str, seconds: float) -> None:
    assert load(f"scaffolder: {{taskTimeout: {written}}}").scaffolder.task_timeout == seconds


@pytest.mark.parametrize(
    ("config", "key", "expected"),
    [
        ("backend:\n  listen:\n    port: abc", "backend.listen.port", "a whole number from 0 to 65535"),
        ("backend: {listen: {port: 70000}}", "backend.listen.port", "found 70000"),
        ("backend: {baseUrl: localhost}", "backend.baseUrl", "begins with http://"),
        ("backend: {database: {client: mysql}}", "backend.database.client", "better-sqlite3"),
        ("scaffolder: {taskTimeout: 300}", "scaffolder.taskTimeout", "no unit"),
        ("scaffolder: {taskTimeout: {minute: 5}}", "scaffolder.taskTimeout", "unknown unit 'minute'"),
        ("scaffolder: {taskTimeout: 5 parsecs}", "scaffolder.taskTimeout", "no duration"),
        ("catalog: {locations: [{type: url}]}", "catalog.locations[0].target", "is missing"),
        ("catalog: {rules: [{allow: Component}]}", "catalog.rules[0].allow", "an array of kinds"),
        ("catalog: {readonly: maybe}", "catalog.readonly", "true or false, found the text 'maybe'"),
        ("catalog: []", "catalog", "an object, found an array"),
        ("integrations: {gitlab: [{host: git.example.com}]}", "integrations.gitlab[0].apiBaseUrl", "is missing"),
        ("integrations: {github: [{host: 'https://x'}]}", "integrations.github[0].host", "without 'https://'"),
        ("integrations: {bitbucketCloud: [{username: u}]}", "integrations.bitbucketCloud[0].username", "a token"),
        ("integrations: {bitbucketCloud: [{clientId: u}]}", "integrations.bitbucketCloud[0].clientId", "both or none"),
        (
            "integrations: {azure: [{credentials: [{clientId: a, clientSecret: b}]}]}",
            "integrations.azure[0].credentials[0]",
            "personalAccessToken",
        ),
        (
            "integrations: {azure: [{host: tfs.example.com, credentials: [{clientId: a}]}]}",
            "integrations.azure[0].credentials[0]",
            "only personal access tokens",
        ),
        (
            "integrations: {azure: [{credentials: [{clientId: a, tenantId: b, clientCertificate: c}]}]}",
            "integrations.azure[0].credentials[0]",
            "certificate",
        ),
        (
            "integrations: {azure: [{credentials: [{personalAccessToken: a}, {clientId: b}]}]}",
            "integrations.azure[0].credentials[1].organizations",
            "only one credential",
        ),
        (
            "backend: {auth: {externalAccess: [{type: static, options: {token: short, subject: x}}]}}",
            "backend.auth.externalAccess[0].options.token",
            "at least 8 characters",
        ),
        (
            "discovery: {endpoints: [{target: 'http://x'}]}",
            "discovery.endpoints[0]",
            "'plugins'",
        ),
    ],
)
def test_a_wrong_value_names_key_file_and_expectation(load: Load, config: str, key: str, expected: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(config)
    assert caught.value.key == key
    assert expected in caught.value.message
    assert "app-config.0.yaml:" in caught.value.message


def test_a_wrong_value_names_the_file_and_line_that_holds_it(load: Load) -> None:
    with pytest.raises(SettingsError, match=r"app-config\.0\.yaml:3: expected a whole number"):
        load("backend:\n  listen:\n    port: abc\n", "backend:\n  baseUrl: http://x\n")


def test_a_missing_or_malformed_file_is_named(load: Load, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.yaml does not exist"):
        load_settings([tmp_path / "nowhere.yaml"], {})
    with pytest.raises(SettingsError, match=r"not valid YAML: app-config\.0\.yaml:1:11"):
        load("app: [1, 2")
    with pytest.raises(SettingsError, match="an object at the top"):
        load("- 1")


def test_a_misspelled_key_is_pointed_out_with_the_nearest_name(load: Load) -> None:
    (warning,) = load("scaffolder:\n  concurentTasksLimit: 3\n").warnings
    assert "'scaffolder.concurentTasksLimit'" in warning
    assert "app-config.0.yaml:2" in warning
    assert "did you mean 'concurrentTasksLimit'?" in warning


def test_keys_of_other_plugins_are_left_alone(load: Load) -> None:
    settings = load("techdocs: {builder: local}\nbackend: {cache: {store: memory}}\ncatalog: {import: {}}")
    assert settings.warnings == ()


@pytest.mark.parametrize(
    ("written", "address"),
    [
        (":7007", ("", 7007)),
        ("0.0.0.0:8000", ("0.0.0.0", 8000)),
        ("8000", ("", 8000)),
        ("'[::1]:8000'", ("::1", 8000)),
        ("localhost", ("localhost", 7007)),
        ("{host: '', port: '9000'}", ("", 9000)),
        ("{port: 9000}", ("", 9000)),
    ],
)
def test_addresses_to_listen_on(load: Load, written: str, address: tuple[str, int]) -> None:
    backend = load(f"backend: {{listen: {written if written.startswith(('{', chr(39))) else repr(written)}}}").backend
    assert (backend.host, backend.port) == address


def test_the_command_line_changes_the_address_and_the_base_url_that_follows_from_it(load: Load) -> None:
    assert with_listen(load("{}"), None, 8123).backend.base_url == "http://127.0.0.1:8123"
    assert with_listen(load("backend: {baseUrl: http://pub/}"), "0.0.0.0", 1).backend.base_url == "http://pub"


@pytest.mark.parametrize(
    ("database", "url"),
    [
        ("{client: better-sqlite3, connection: ':memory:'}", "sqlite://"),
        ("{client: sqlite, connection: {filename: /data/x.sqlite}}", "sqlite:////data/x.sqlite"),
        ("{client: better-sqlite3, connection: {directory: /data}}", "sqlite:////data/backstage-py.sqlite"),
        (
            "{client: pg, connection: {host: db, port: 5433, user: me, password: 'p@/ss', database: bs}}",
            "postgresql+psycopg://me:p%40%2Fss@db:5433/bs",
        ),
        ("{client: pg, connection: 'postgres://u:p@h/d'}", "postgresql+psycopg://u:p@h/d"),
    ],
)
def test_databases(load: Load, database: str, url: str) -> None:
    assert load(f"backend: {{database: {database}}}").backend.database_url == url


def test_git_hosts_get_the_addresses_that_follow_from_their_host(load: Load) -> None:
    settings = load(
        "integrations:\n"
        "  github: [{token: ' t '}, {host: ghe.example.com, apiBaseUrl: 'https://ghe.example.com/api/v3/', apps: []}]\n"
        "  bitbucketServer: [{host: bb.example.com}]\n"
    )
    github, enterprise, server = settings.integrations
    assert (github.host, github.api_base_url, github.token) == ("github.com", "https://api.github.com", "t")
    assert github.raw_base_url == "https://raw.githubusercontent.com"
    assert enterprise.api_base_url == "https://ghe.example.com/api/v3"
    assert enterprise.options == {"apps": []}
    assert server.api_base_url == "https://bb.example.com/rest/api/1.0"


def test_rules_and_locations_of_the_catalog(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    catalog = load(
        "catalog:\n"
        "  processingInterval: false\n"
        "  rules:\n"
        "    - allow: [Component, {kind: Resource, spec.type: database}]\n"
        "    - {allow: [Template], locations: [{type: url, pattern: 'https://github.com/org/**'}]}\n"
        "  locations:\n"
        "    - {type: file, target: ./all.yaml, rules: [{allow: [User]}]}\n"
    ).catalog
    assert catalog.processing_interval is None
    assert [(kind.kind, kind.spec_type) for kind in catalog.rules[0].allow] == [
        ("Component", None),
        ("Resource", "database"),
    ]
    assert catalog.rules[0].locations is None
    assert catalog.locations[0].target == str(tmp_path / "all.yaml")
    assert catalog.locations[0].rules[0].allow[0].kind == "User"


def test_guest_sign_in_is_switched_on_by_its_name_alone(load: Load) -> None:
    assert load("auth: {providers: {guest: }}").auth.guest
    assert not load("auth: {providers: {guest: }}").auth.guest_outside_development


def test_experimental_names_of_backstage_still_count(load: Load) -> None:
    scaffolder = load(
        "scaffolder: {EXPERIMENTAL_recoverTasks: true, EXPERIMENTAL_recoverTasksTimeout: 10s,"
        " EXPERIMENTAL_workspaceSerialization: 'true'}"
    ).scaffolder
    assert scaffolder.recovery.enabled
    assert scaffolder.recovery.stale_timeout == 10.0
    assert scaffolder.workspace_serialization == "database"


def test_one_file_serves_a_backstage_and_this_service(load: Load) -> None:
    addresses = Addresses.of(
        load(
            "backend: {baseUrl: http://backstage:7007}\n"
            "discovery: {endpoints: [{target: 'http://here:7108/api/{{pluginId}}', plugins: [scaffolder]}]}"
        )
    )
    assert addresses.own == "http://here:7108"
    assert addresses.serves("scaffolder")
    assert not addresses.serves("catalog")
    assert addresses.plugin("auth") == "http://backstage:7007/api/auth"


def test_alone_this_service_serves_everything(load: Load) -> None:
    addresses = Addresses.of(load("backend: {baseUrl: http://here:7007/}"))
    assert all(addresses.serves(plugin) for plugin in ("auth", "catalog", "scaffolder", "permission"))


@pytest.mark.parametrize("text", ["app: {title: 'a ${MISSING} b'}", "app: {title: {$env: MISSING}}"])
def test_a_value_that_is_left_out_for_an_unset_variable_is_named_with_its_file(load: Load, text: str) -> None:
    warnings = load(text).warnings
    assert len(warnings) == 1
    assert "'app.title' in " in warnings[0]
    assert "app-config.0.yaml" in warnings[0]
    assert "'MISSING' is not set" in warnings[0]
    assert load(text, MISSING="there").warnings == ()
