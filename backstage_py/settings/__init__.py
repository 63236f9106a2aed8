"""Backstage's ``app-config.yaml`` as frozen values.

``config`` loads and merges the files, ``reading`` reads typed values out of them and names key, file and
expectation when one is wrong, ``sections`` are the results. Nothing below this package knows configuration keys.
"""
