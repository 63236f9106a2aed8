"""From configuration files to ``Settings``."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from backstage_py.errors import SettingsError
from backstage_py.model.json import Json
from backstage_py.settings import (
    catalog_notes,
    check,
    files,
    read_auth,
    read_backend,
    read_catalog,
    read_integrations,
    read_scaffolder,
)
from backstage_py.settings.config_path import dotted
from backstage_py.settings.description import read
from backstage_py.settings.files import Env
from backstage_py.settings.merged import Merged
from backstage_py.settings.reading import Reader
from backstage_py.settings.sections import Settings

DEFAULT_FILES = ("app-config.yaml", "app-config.local.yaml")


def load_settings(paths: Sequence[Path], env: Env) -> Settings:
    """Read configuration files, later ones over earlier ones, and the environment over all.

    Args:
        paths: the files; without any, ``app-config.yaml`` and ``app-config.local.yaml`` of the working directory as
            far as they exist, as in Backstage.
        env: the environment, for ``${NAME}``, ``$env`` and ``APP_CONFIG_*``.

    Raises:
        SettingsError: a file cannot be read or a value is wrong; names key, file and expectation.
    """
    return load_files(paths or default_files(), env)


def default_files() -> list[Path]:
    """Return the files that are read when none is named, as far as they exist."""
    return [Path(name) for name in DEFAULT_FILES if Path(name).is_file()]


def load_files(paths: Sequence[Path], env: Env) -> Settings:
    """Do as ``load_settings`` with these files only; without any, with the environment alone."""
    return _checked(paths, env)[0]


def load_checked(paths: Sequence[Path], env: Env) -> tuple[Settings, tuple[check.Finding, ...]]:
    """Do as ``load_settings``, and return the answer to each key, too, of one and the same reading."""
    return _checked(paths or default_files(), env)


def _checked(paths: Sequence[Path], env: Env) -> tuple[Settings, tuple[check.Finding, ...]]:
    merged = layered(paths, env)
    found = check.examine(merged)
    settings = of_merged(merged, found)
    read = tuple(file for layer in merged.layers for file in layer.files)
    return replace(settings, warnings=(*settings.warnings, *_left_out(merged.layers)), files=read), found


def layered(paths: Sequence[Path], env: Env) -> Merged:
    """Return the files and the environment over each other, not yet converted.

    Raises:
        SettingsError: a file cannot be read.
    """
    layers = [files.read_file(path.absolute(), env) for path in paths]
    overrides = files.read_environment(env)
    return Merged([*layers, *([overrides] if overrides else [])])


def findings(paths: Sequence[Path], env: Env) -> tuple[check.Finding, ...]:
    """Return the answer to each key of some files and of the environment, what is wrong with the whole included.

    Args:
        paths: as for ``load_settings``.
        env: as for ``load_settings``.
    """
    try:
        merged = layered(paths or default_files(), env)
    except SettingsError as error:
        return (check.wrong(error),)
    found = check.examine(merged)
    try:
        of_merged(merged, found)
    except SettingsError as error:
        one = check.wrong(error)
        if not any(other.key == one.key and other.answer is check.Answer.WRONG for other in found):
            return (*found, one)
    return found


def _left_out(layers: Sequence[files.Layer]) -> Iterator[str]:
    """Yield a sentence for each value that Backstage, too, leaves out since its variable is not set."""
    for layer in layers:
        for path, variable in layer.unset:
            where = f"'{dotted(path)}' in {layer.name}"
            yield (
                f"Configuration value {where} is left out: the environment variable '{variable}' is "
                f"not set; set it, or give a default with ${{{variable}:-…}}"
            )


def with_listen(settings: Settings, host: str | None, port: int | None) -> Settings:
    """Return the settings with another address to listen on, e.g. of the command line.

    Without ``backend.baseUrl`` the base URL follows the address.
    """
    backend = settings.backend
    host, port = backend.host if host is None else host, backend.port if port is None else port
    configured = (settings.raw.get("backend") or {}).get("baseUrl")
    base_url = (
        backend.base_url
        if configured
        else read_backend.default_base_url(host, port, is_secure=backend.https is not None)
    )
    return replace(settings, backend=replace(backend, host=host, port=port, base_url=base_url))


def without_files(raw: Mapping[str, Json]) -> Settings:
    """Return the defaults; ``raw`` is what actions see of a configuration, and nothing else reads it."""
    return replace(of_merged(Merged([])), raw=raw)


def of_merged(merged: Merged, found: Sequence[check.Finding] | None = None) -> Settings:
    """Return the settings of a merged configuration; ``found`` is what ``check.examine`` says of it, where known."""
    found = check.examine(merged) if found is None else found
    config = Reader(merged)
    integrations = read_integrations.read(config)
    return read(
        Settings,
        config,
        backend=read_backend.read(config.section("backend")),
        auth=read_auth.read(config),
        scaffolder=read_scaffolder.read(config.section("scaffolder")),
        catalog=read_catalog.read(config.section("catalog"), read_integrations.kinds_by_host(integrations)),
        discovery=read_backend.read_discovery(config),
        integrations=integrations,
        raw=merged.data,
        warnings=(*check.misspelled(found), *catalog_notes.notes(merged)),
    )
