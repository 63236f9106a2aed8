"""What ``catalog`` in the configuration switches on, off and around, and what it says of the rest."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from backstage_py.errors import InputError, SettingsError
from backstage_py.model.location_ref import LocationRef
from backstage_py.plugin.catalog import CatalogPlugins, ProcessingContext, Processor, ProviderConnection
from backstage_py.settings.load import load_settings
from backstage_py.settings.sections import CatalogLocation, ProcessorOptions, Settings
from tests.catalog.harness import Web, catalog, component

Load = Callable[[str], Settings]
OPEN_API = component("c") + "  custom: {$text: ./x.txt}\n"


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def read(text: str) -> Settings:
        path = tmp_path / "app-config.yaml"
        path.write_text(f"catalog:\n{text}", encoding="utf-8")
        return load_settings([path], {})

    return read


class Tagger(Processor):
    """Writes its name behind those that ran before it."""

    def __init__(self, name: str, priority: int) -> None:
        self.name, self.priority = name, priority

    async def pre_process(self, entity: dict[str, Any], context: ProcessingContext) -> dict[str, Any]:
        tags = [*entity["metadata"].get("tags", []), self.name]
        return {**entity, "metadata": {**entity["metadata"], "tags": tags}}


class Source:
    name = "acme"

    async def connect(self, connection: ProviderConnection) -> None:
        place = {f"backstage.io/managed-by-{kind}location": "url:https://acme.example/x" for kind in ("", "origin-")}
        metadata = {"name": "acme", "annotations": place}
        spec = {"type": "service", "lifecycle": "x", "owner": "team-a"}
        entity = {"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": metadata, "spec": spec}
        await connection.apply_full([entity])

    async def close(self) -> None:
        return


async def test_processors_run_by_the_priority_of_the_configuration_and_not_when_disabled(
    tmp_path: Path, load: Load
) -> None:
    text = "  processorOptions: {last: {priority: '5'}, gone: {disabled: true}}\n"
    plugins = CatalogPlugins([Tagger("first", 10), Tagger("last", 90), Tagger("gone", 1)], [])
    options = load(text).catalog.processors
    async with catalog(tmp_path, Web({"/c.yaml": component("c")}), plugins=plugins, processors=options) as world:
        await world.register("/c.yaml")
        assert (await world.entity("component:default/c"))["metadata"]["tags"] == ["last", "first"]


async def test_a_disabled_provider_brings_nothing_and_what_it_brought_goes(tmp_path: Path, load: Load) -> None:
    async with catalog(tmp_path, plugins=CatalogPlugins([], [Source()])) as world:
        assert await world.has("component:default/acme")
    disabled = load("  providerOptions: {acme: {disabled: true}}\n").catalog.disabled_providers
    async with catalog(tmp_path, plugins=CatalogPlugins([], [Source()]), disabled_providers=disabled) as world:
        assert not await world.has("component:default/acme")


class Queue(Processor):
    """Reads locations of a type of its own."""

    location_types = ("queue",)

    async def read_location(self, location: LocationRef, *, optional: bool, context: ProcessingContext) -> bool:
        if location.type != "queue":
            return False
        spec = {"type": "service", "lifecycle": "x", "owner": "team-a"}
        metadata = {"name": location.target}
        context.emit.entity(
            {"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": metadata, "spec": spec}, location
        )
        return True


async def test_a_type_that_a_plugin_offers_to_read_can_be_registered(tmp_path: Path) -> None:
    async with catalog(tmp_path, plugins=CatalogPlugins([Queue()], [])) as world:
        await world.service.register("queue", "orders")
        await world.rest()
        assert await world.has("component:default/orders")
        with pytest.raises(InputError, match='must be of an allowed type \\["url","queue"\\]'):
            await world.service.register("file", "/etc/passwd")


async def test_a_disabled_processor_takes_its_type_along(tmp_path: Path) -> None:
    options = ProcessorOptions(frozenset({"Queue"}))
    async with catalog(tmp_path, plugins=CatalogPlugins([Queue()], []), processors=options) as world:
        with pytest.raises(InputError, match='must be of an allowed type \\["url"\\]'):
            await world.service.register("queue", "orders")


async def test_without_placeholders_they_stay_as_they_are(tmp_path: Path) -> None:
    options = ProcessorOptions(frozenset({"PlaceholderProcessor"}))
    async with catalog(tmp_path, Web({"/c.yaml": OPEN_API, "/x.txt": "text"}), processors=options) as world:
        await world.register("/c.yaml")
        assert (await world.entity("component:default/c"))["spec"]["custom"] == {"$text": "./x.txt"}


async def test_without_the_annotator_no_links_to_the_source_are_added(tmp_path: Path) -> None:
    options = ProcessorOptions(frozenset({"AnnotateLocationEntityProcessor"}))
    async with catalog(tmp_path, Web({"/c.yaml": component("c")}), processors=options) as world:
        await world.register("/c.yaml")
        annotations = (await world.entity("component:default/c"))["metadata"]["annotations"]
        assert set(annotations) == {"backstage.io/managed-by-location", "backstage.io/managed-by-origin-location"}


@pytest.mark.thorough
async def test_without_the_builtin_kinds_only_plugins_know_kinds(tmp_path: Path) -> None:
    options = ProcessorOptions(frozenset({"BuiltinKindsEntityProcessor"}))
    async with catalog(tmp_path, Web({"/c.yaml": component("c")}), processors=options) as world:
        answer = await world.service.validate(
            {"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": {"name": "c"}}, "url:https://x/y"
        )
        (fault,) = answer
        assert fault.message.startswith("No processor recognized the entity component:default/c as valid")


async def test_without_the_default_processors_nothing_is_read(tmp_path: Path, load: Load) -> None:
    options = load("  disableDefaultProcessors: true\n").catalog.processors
    (tmp_path / "all.yaml").write_text(component("c"), encoding="utf-8")
    place = CatalogLocation("file", str(tmp_path / "all.yaml"))
    async with catalog(tmp_path, locations=(place,), processors=options) as world:
        assert await world.refs() == set()


async def test_without_processing_nothing_is_removed_either(tmp_path: Path) -> None:
    async with catalog(tmp_path, plugins=CatalogPlugins([], [Source()])) as world:
        assert await world.has("component:default/acme")
    async with catalog(tmp_path, processing_interval=None) as world:
        assert await world.has("component:default/acme")


async def test_options_that_nothing_answers_to_are_reported_at_start(tmp_path: Path) -> None:
    options = ProcessorOptions(frozenset({"Nobody"}), {"url-reader": 3})
    places = (CatalogLocation("github-discovery", "https://github.com/acme"),)
    with capture_logs() as logs:
        async with catalog(tmp_path, processors=options, disabled_providers=frozenset({"acme"}), locations=places):
            pass
    said = [one["problem"] for one in logs if one["event"] == "catalog_option_without_effect"]
    assert [text.partition(": ")[0] for text in said[:3]] == [
        "catalog.processorOptions.Nobody has no effect",
        "catalog.processorOptions.url-reader.priority has no effect",
        "catalog.providerOptions.acme has no effect",
    ]
    assert "'github-discovery', which nothing here reads" in said[3]


@pytest.mark.parametrize("key", ["pollingInterval", "stitchTimeout"])
@pytest.mark.parametrize("value", ["{seconds: 0}", "0s", "{minutes: -1}"])
def test_a_duration_of_stitching_must_be_above_zero(load: Load, key: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"catalog\.stitchingStrategy\.{key}"):
        load(f"  stitchingStrategy: {{{key}: {value}}}")


@pytest.mark.parametrize(
    ("key", "text", "says"),
    [
        ("stitchingStrategy.pollingInterval", "  stitchingStrategy: {pollingInterval: 1s}", "does not poll"),
        (
            "stitchingStrategy.stitchTimeout",
            "  stitchingStrategy: {stitchTimeout: {seconds: 5}}",
            "found again at once",
        ),
        ("scmEvents", "  scmEvents: {refresh: true}", "see events.modules"),
        ("useUrlReadersSearch", "  useUrlReadersSearch: true", "knows it no more either"),
        ("providers.awsS3", "  providers: {awsS3: {bucketName: files}}", "not read by this service"),
        ("processors.ldapOrg", "  processors: {ldapOrg: {}}", "not read by this service"),
        ("processorOptions.a.schedule", "  processorOptions: {a: {schedule: {}}}", "known is disabled and priority"),
        ("providerOptions.a.schedule", "  providerOptions: {a: {schedule: {}}}", "known is disabled"),
        ("enableLocationHashing", "  enableLocationHashing: true", "is not known, to Backstage's catalog neither"),
    ],
)
def test_each_key_without_effect_is_named_with_its_reason(load: Load, key: str, text: str, says: str) -> None:
    (warning,) = load(text).warnings
    assert warning.startswith(f"Configuration key 'catalog.{key}' in ")
    assert "app-config.yaml:2" in warning
    assert says in warning


def test_a_misspelled_key_is_named_once_with_what_was_meant(load: Load) -> None:
    (warning,) = load("  orphanStrategie: keep").warnings
    assert warning.endswith("is not known; did you mean 'orphanStrategy'?")


def test_what_has_an_effect_is_not_reported(load: Load) -> None:
    text = "  readonly: true\n  processorOptions: {a: {disabled: false, priority: 1}}\n  import: {entityFilename: x}\n"
    assert load(text).warnings == ()


def test_tokens_below_processors_are_refused_with_where_they_belong(load: Load) -> None:
    with pytest.raises(SettingsError, match=r"catalog\.processors\.github.*move it to integrations\.github"):
        load("  processors: {github: {providers: []}}")


@pytest.mark.parametrize(("text", "seconds"), [("{seconds: 0.2}", 1.0), ("2.5 seconds", 3.0), ("5m", 300.0)])
def test_the_interval_is_a_whole_number_of_seconds(load: Load, text: str, seconds: float) -> None:
    assert load(f"  processingInterval: {text}").catalog.processing_interval == seconds
