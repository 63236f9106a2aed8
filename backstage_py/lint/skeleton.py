"""What the fetch steps of a template read from the folder beside it, and how each file of it is rendered."""

import itertools
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath

from backstage_py.errors import InputError
from backstage_py.js.text import scalar
from backstage_py.lint import files, syntax
from backstage_py.lint.form import Form
from backstage_py.lint.rule import Path as ValuePath
from backstage_py.lint.syntax import Settings
from backstage_py.lint.view import Step, Template, Vocabulary
from backstage_py.model import globs
from backstage_py.model.binary import is_binary
from backstage_py.model.json import Json
from backstage_py.templating import tree

_TREES = frozenset({"fetch:template", "fetch:plain", "fetch:cookiecutter"})
_FILES = frozenset({"fetch:plain:file", "fetch:template:file"})
_RENDERED = frozenset({"fetch:template", "fetch:template:file"})
_PARAMETER = re.compile(r"\$\{\{\s*parameters\.(\w+)\s*\}\}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_MOST_CHOICES = 50
_MOST_FILES = 20_000
_CODE = (b"${{", b"{%", b"{#", b"#}")
_COOKIECUTTER_CODE = (b"{{", b"{%", b"{#", b"#}")
_FORGOTTEN_DOLLAR = re.compile(rb"\{\{-?\s*(?:values|parameters)\.")
_SKIPPED_FOLDERS = frozenset({".git"})


@dataclass(frozen=True)
class Fetch:
    """A step that reads a relative path.

    Attributes:
        base: the folder of the template.
        root: the highest folder that a path may reach: that of the repository.
        chosen: the url is one of several that the form's choices give.
        extra: filters and functions of one's own.
        form: of the template, to see what its values can be.
        steps: all steps of the template.
    """

    step: Step
    url: str
    base: Path
    root: Path
    chosen: bool = False
    extra: Vocabulary = field(default_factory=Vocabulary)
    form: Form = field(default_factory=lambda: Form.of({}))
    steps: tuple[Step, ...] = ()

    @property
    def path(self) -> ValuePath:
        """Where the url stands."""
        return (*self.step.path, "input", "url")

    @property
    def is_address(self) -> bool:
        """Whether the url has a scheme, as ``github:owner/repo`` has, so that it is no path beside the template."""
        return _SCHEME.match(self.url) is not None

    @property
    def is_file(self) -> bool:
        """Whether one file is read, not a tree."""
        return self.step.action in _FILES

    @property
    def is_rendered(self) -> bool:
        """Whether what is read is a template."""
        return self.step.action in _RENDERED

    @cached_property
    def target(self) -> Path:
        """The file or folder that is read; characters that no file's name has are replaced, so that it is missing."""
        return Path(os.path.normpath(self.base / scalar(self.url).replace("\0", "\ufffd")))

    @cached_property
    def is_inside(self) -> bool:
        """Whether it stays inside the repository, links included."""
        real, root = Path(os.path.realpath(self.target)), Path(os.path.realpath(self.root))  # resolve() refuses loops
        return self.target.is_relative_to(self.root) and real.is_relative_to(root)

    @property
    def settings(self) -> Settings:
        """How the step reads the texts."""
        given = self.step.input
        return Settings(
            given.get("cookiecutterCompat") is True, given.get("trimBlocks") is True, given.get("lstripBlocks") is True
        )

    @cached_property
    def values(self) -> frozenset[str] | None:
        """Names below ``values``, None if they are not written out."""
        given = self.step.input.get("values", {})
        return frozenset(str(key) for key in given) if isinstance(given, dict) else None

    def given(self, name: str) -> Json:
        """What the step passes by a name, as written."""
        values = self.step.input.get("values")
        return values.get(name) if isinstance(values, dict) else None

    @cached_property
    def extension(self) -> str | None:
        """The extension that files must have to be rendered, None for all."""
        given: Json = self.step.input.get("templateFileExtension")
        if given is True:
            return ".njk"
        if isinstance(given, str) and given and not tree.has_code(given):
            return given if given.startswith(".") else f".{given}"
        return None

    @cached_property
    def is_certain(self) -> bool:
        """Whether which files are rendered is written out, not computed."""
        given = self.step.input
        globs_given = given.get("copyWithoutTemplating")
        certain_globs = globs_given is None or (
            isinstance(globs_given, list)
            and all(isinstance(one, str) and not tree.has_code(one) for one in globs_given)
        )
        flags = (given.get("cookiecutterCompat"), given.get("templateFileExtension"))
        return certain_globs and not any(isinstance(one, str) and tree.has_code(one) for one in flags)

    def renders(self, relative: str) -> bool:
        """Whether the content of a file is rendered."""
        if self.extension is not None:
            return PurePosixPath(relative).suffix == self.extension
        return relative not in self._verbatim

    @cached_property
    def _verbatim(self) -> set[str]:
        """The files and folders that ``copyWithoutTemplating`` names, among those that are there."""
        patterns = self.step.input.get("copyWithoutTemplating")
        if not patterns:
            return set()
        found = list(itertools.islice(walk(self.target), _MOST_FILES))
        folders = {str(above) for file in found for above in PurePosixPath(file).parents} - {"."}
        entries = [globs.Entry(path, is_folder=False) for path in found]
        try:
            return globs.select(patterns, entries + [globs.Entry(path, is_folder=True) for path in folders])
        except InputError:  # the step ends with it, before it renders anything
            return set(found)


@dataclass(frozen=True)
class Rendering:
    """One file of a skeleton as one step reads it.

    Attributes:
        relative: its path below the skeleton's folder.
        file: its path as the author would name it.
        text: its content, empty if that is not rendered.
        below_broken: one of its folders, which is reported by itself, does not render.
    """

    fetch: Fetch
    relative: str
    file: str
    text: str
    unreadable: str | None = None
    below_broken: bool = False

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self.fetch.target if self.fetch.is_file else self.fetch.target / self.relative

    @cached_property
    def parsed(self) -> syntax.Parsed:
        """The content as the template language sees it."""
        return syntax.parse(self.text, self.fetch.settings)

    @cached_property
    def name(self) -> syntax.Parsed:
        """The path as the template language sees it."""
        return syntax.parse(self.relative, self.fetch.settings)

    @cached_property
    def used(self) -> frozenset[str | None]:
        """Names of the values that it uses; None among them where it uses all as a whole."""
        root = "cookiecutter" if self.fetch.settings.cookiecutter else "values"
        references = (*self.parsed.references, *self.name.references)
        return frozenset(one.names[1] if len(one.names) > 1 else None for one in references if one.names[0] == root)


@dataclass(frozen=True)
class Usage:
    """A fetch step with the names of the values that the files of its skeleton use."""

    fetch: Fetch
    used: frozenset[str | None]


def fetches(template: Template, file: Path) -> Iterator[Fetch]:
    """Yield the steps that read a relative path that is written out, or given by the choices of the form."""
    base = file.absolute().parent
    root = repository(base)
    for step in template.steps:
        url = step.input.get("url")
        if step.action not in _TREES | _FILES or not isinstance(url, str):
            continue
        for one in possible(template, url):
            if one.strip() and "://" not in one and not one.startswith(("/", "\\\\")):
                yield Fetch(step, one.strip(), base, root, one != url, template.extra, template.form, template.steps)


def possible(template: Template, url: str) -> list[str]:
    """Return what a url can be: itself, or one text for each choice of the parameters in it; none if that is open."""
    if not tree.has_code(url):
        return [url]
    parts = _PARAMETER.split(url)
    if any(tree.has_code(part) for part in parts[::2]):
        return []
    choices: list[list[str]] = []
    for index, part in enumerate(parts):
        choices.append([part] if index % 2 == 0 else _choices(template, part))
    count = math.prod(len(one) for one in choices)
    return ["".join(one) for one in itertools.product(*choices)] if 0 < count <= _MOST_CHOICES else []


def _choices(template: Template, name: str) -> list[str]:
    declared = template.form.declared.get(name, ())
    enum = declared[0].schema.get("enum") if declared else None  # later ones are branches that it steers
    return [one for one in enum if isinstance(one, str)] if isinstance(enum, list) else []


def repository(base: Path) -> Path:
    """Return the folder of the git repository that holds ``base``; without one, the top of the file system."""
    for folder in (base, *base.parents):
        if (folder / ".git").exists():
            return folder
    return Path(base.anchor)


def renderings(fetch: Fetch, shown: Path) -> Iterator[Rendering]:
    """Yield the files of a skeleton that have code in name or content, or that cannot be read.

    Args:
        fetch: the step.
        shown: the skeleton's folder as the author would name it.
    """
    if fetch.is_file:
        if found := _rendering(fetch, fetch.target, fetch.target.name, str(shown)):
            yield found
        return
    broken: set[str] = set()
    for relative in itertools.islice(walk(fetch.target), _MOST_FILES):
        folder = _broken_folder(relative, fetch.settings)
        if folder is not None and folder not in broken:
            broken.add(folder)
            yield Rendering(fetch, folder, str(shown / folder), "")
        if found := _rendering(fetch, fetch.target / relative, relative, str(shown / relative)):
            yield replace(found, below_broken=folder is not None)


def _broken_folder(relative: str, settings: Settings) -> str | None:
    """Return the first folder of a path that is no valid template.

    Backstage renders the path of each folder by itself, so no expression may reach across a slash: ``${{values/a}}/x``
    and ``${{ values.a | replace('/', '-') }}/x`` end the step, although the whole paths are well-formed.
    """
    if not tree.has_code(relative, cookiecutter=settings.cookiecutter):
        return None
    ends = (index + 1 for index, character in enumerate(relative) if character == "/")
    return next((relative[:end] for end in ends if syntax.parse(relative[:end], settings).problems), None)


def walk(folder: Path) -> Iterator[str]:
    """Yield the files below a folder, as paths with ``/``, sorted; links to folders are not followed."""
    pending = [""]
    while pending:
        prefix = pending.pop()
        try:
            with os.scandir(folder / prefix if prefix else folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            continue
        folders = []
        for entry in found:
            try:
                if entry.is_symlink():
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in _SKIPPED_FOLDERS:
                        folders.append(f"{prefix}{entry.name}/")
                elif entry.is_file(follow_symlinks=False):
                    yield prefix + entry.name
            except OSError:
                continue
        pending.extend(reversed(folders))


def _rendering(fetch: Fetch, path: Path, relative: str, shown: str) -> Rendering | None:
    named = tree.has_code(relative, cookiecutter=fetch.settings.cookiecutter)
    if not fetch.renders(relative):
        return Rendering(fetch, relative, shown, "") if named else None
    content = files.read_bytes(path, files.LARGEST_RENDERED)
    if content.unreadable and files.begins_binary(path):
        return Rendering(fetch, relative, shown, "") if named else None
    if content.unreadable:
        return Rendering(fetch, relative, shown, "", content.unreadable)
    markers = _COOKIECUTTER_CODE if fetch.settings.cookiecutter else _CODE
    has_code = any(marker in content.data for marker in markers) or _FORGOTTEN_DOLLAR.search(content.data)
    if not has_code or is_binary(content.data):
        return Rendering(fetch, relative, shown, "") if named else None
    return Rendering(fetch, relative, shown, content.data.decode("utf-8", "replace"))
