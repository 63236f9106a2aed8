"""Backstage's ``app-config.yaml`` as frozen values: ``load_settings(paths, env)``.

The pipeline: ``files`` (YAML, ``${ENV}``, ``$env``, ``$file``, ``$include``, ``APP_CONFIG_*``) gives layers,
``merged`` lays them over each other and remembers which file says what, ``reading`` takes values out and names key,
file and expectation when one is wrong.

Each key is described once, with its kind (``kinds``), default and a sentence: at the field of the frozen class that
it fills (``sections``), or in ``elsewhere`` when it fills none. ``description`` converts by that, ``schema`` makes
the JSON Schema of it, by which ``spelling`` and ``catalog_notes`` know what is not known; ``read_*`` put together
what takes more than one key to say; ``secret_values`` finds what no log may show. The keys are Backstage's; those
that are ours say so. Nothing below this package knows configuration keys, and nothing here opens a connection or
starts anything.
"""

from backstage_py.settings.load import load_settings, with_listen, without_files

__all__ = ["load_settings", "with_listen", "without_files"]
