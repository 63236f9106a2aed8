"""Backstage's ``app-config.yaml`` as frozen values: ``load_settings(paths, env)``.

The pipeline: ``files`` (YAML, ``${ENV}``, ``$env``, ``$file``, ``$include``, ``APP_CONFIG_*``) gives layers,
``merged`` lays them over each other and remembers which file says what, ``reading`` takes typed values out and names
key, file and expectation when one is wrong, ``read_*`` fill the frozen classes of ``sections``. The keys are
Backstage's; what is ours besides is listed in ``schemas/app-config.json``. Nothing below this package knows
configuration keys, and nothing here opens a connection or starts anything.
"""

from backstage_py.settings.load import load_settings, with_listen, without_files

__all__ = ["load_settings", "with_listen", "without_files"]
