"""Builds the pages of produced services as TechDocs does, with its plugin: ``python -m tests.golden_paths.techdocs``.

A part of ``.ci/proof``: the plugin brings 130 MB and an older Markdown than our own documentation has, so it gets an
environment of its own. Tests build the same pages without it.
"""

import sys
import tempfile
from pathlib import Path

import yaml

from tests.golden_paths import produced, tools

PLUGIN = "mkdocs-techdocs-core==1.7.1"


def main() -> None:
    """Build them; each page has to be there, and each link has to lead somewhere."""
    with tempfile.TemporaryDirectory(prefix="backstage-py-techdocs-") as name:
        folder = Path(name)
        environment, python = folder / "environment", folder / "environment/bin/python"
        tools.run("uv", "venv", "--quiet", "--no-config", "--python", sys.executable, environment, folder=folder)
        tools.run("uv", "pip", "install", "--quiet", "--no-config", "--python", python, PLUGIN, folder=folder)
        for language in produced.LANGUAGES:
            tree = produced.produce(produced.skeleton(language), folder / language)
            site = folder / f"{language}-site"
            tools.run(str(environment / "bin/mkdocs"), "build", "--strict", "--site-dir", site, folder=tree)
            listed = yaml.safe_load((tree / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
            pages = [page for entry in listed for page in entry.values()]
            missing = [one for one in pages if not (site / one.removesuffix("index.md").removesuffix(".md")).exists()]
            assert (site / "techdocs_metadata.json").is_file(), "the plugin did not run"
            assert not missing, f"{language}: {missing}"
            sys.stdout.write(f"{language}: {len(pages)} pages by {PLUGIN}\n")


if __name__ == "__main__":
    main()
