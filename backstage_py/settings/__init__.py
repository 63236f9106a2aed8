"""Backstage's ``app-config.yaml`` as frozen values: ``load_settings(paths, env)``.

The pipeline: ``files`` (YAML, ``${ENV}``, ``$env``, ``$file``, ``$include``, ``APP_CONFIG_*``) gives layers,
``merged`` lays them over each other and remembers which file says what, ``reading`` takes values out and names key,
file and expectation when one is wrong.

Each key is described once, with its kind (``kinds``), default and a sentence: at the field of the frozen class that
it fills (``sections``), in ``elsewhere`` when it fills none, or in ``unread`` with the reason when nothing reads
it. ``description`` converts by that, ``schema`` makes the JSON Schema of it, ``known`` a tree in which any key is
looked up; ``read_*`` put together what takes more than one key to say. ``check`` has the answer to each key of a
configuration, ``show`` what is in force, ``secret_values`` what neither they nor a log may show. The keys are
Backstage's; those that are ours say so. Nothing below this package knows configuration keys, and nothing here opens
a connection or starts anything.
"""

from backstage_py.settings.load import load_settings, with_listen, without_files

__all__ = ["load_settings", "with_listen", "without_files"]
