"""YAML as Backstage reads and writes it: the JS package `yaml` 2, YAML 1.2 core schema.

What lives here: text to plain data with the line and column of every value (`load`, `load_all`), plain data to text
(`dump`), and errors that show the line. A text that the JS package accepts gives the same data here, and what it
refuses is refused with its own words, since Backstage shows them to its clients.

The pipeline: `scanner` (where scalars end), `cursor`, `flow` and `parser` (text to `nodes`), `values` (nodes to data).
Ordinary files take the short way through libyaml (`fast`), and are parsed exactly only when a position is asked for.

What does not belong here: files and URLs (callers read them), entities and templates (`model`), JSON Schema.
"""

from backstage_py.model.yaml.documents import Document, Position, load, load_all
from backstage_py.model.yaml.dump import dump
from backstage_py.model.yaml.problems import YamlError, YamlProblem
from backstage_py.model.yaml.style import Style

__all__ = ["Document", "Position", "Style", "YamlError", "YamlProblem", "dump", "load", "load_all"]
