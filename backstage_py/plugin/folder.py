"""A folder of plain ``.py`` files as a plugin: no package, no entry point; ``scaffolder.actionsFolder`` names it.

Each file is loaded by itself and may hold actions, filters and globals. Files whose names start with ``_`` are left
alone, and so are tests: ``test_*.py`` and ``conftest.py``. A file that cannot be loaded is reported, and what it gave
before stays until it can.
"""

import importlib.util
import sys
import types
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog

from backstage_py.errors import ConflictError
from backstage_py.plugin.action import Action
from backstage_py.plugin.registry import ActionRegistry, actions_of
from backstage_py.plugin.templating import Extension, TemplateFilter, TemplateFunction, TemplateValue

_MODULE = "backstage_py_actions_folder"
_LEFT_ALONE = ("_", "test_", "conftest.")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FileProblem:
    """A file that cannot be used, and why; ``line`` 0 when it is not known."""

    path: Path
    line: int
    message: str
    is_conflict: bool = False

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}" if self.line else f"{self.path}: {self.message}"


@dataclass(frozen=True, slots=True)
class Reload:
    """What a look at the folder changed: file names, and what is wrong with some of them."""

    changed: Sequence[str] = ()
    problems: Sequence[FileProblem] = ()


@dataclass(slots=True)
class _File:
    stamp: tuple[int, int]
    actions: Sequence[Action] = ()
    extensions: Sequence[Extension] = ()


@dataclass(slots=True)
class ActionFolder:
    """The folder; ``reload`` is cheap while nothing changes, so ``dev`` calls it every moment."""

    path: Path
    _files: dict[Path, _File] = field(default_factory=dict)

    def reload(self, registry: ActionRegistry) -> Reload:
        """Bring a registry up to date with the files. The first call loads all of them."""
        changed, problems = [], []
        found = {path: _stamp(path) for path in self._paths()}
        for path in [path for path in self._files if path not in found]:
            registry.replace(self._files.pop(path).actions, ())
            changed.append(path.name)
        for path, stamp in found.items():
            known = self._files.get(path)
            if known and known.stamp == stamp:
                continue
            changed.append(path.name)
            before = known or _File(stamp)
            before.stamp = stamp
            self._files[path] = before
            if problem := self._load(path, before, registry):
                _log.error("action_file_failed", file=str(path), problem=str(problem))
                problems.append(problem)
        return Reload(changed, problems)

    @property
    def extensions(self) -> Sequence[Extension]:
        """Filters and globals of all files."""
        return [one for file in self._files.values() for one in file.extensions]

    def _paths(self) -> Sequence[Path]:
        return sorted(path for path in self.path.glob("*.py") if not path.name.startswith(_LEFT_ALONE))

    def _load(self, path: Path, file: _File, registry: ActionRegistry) -> FileProblem | None:
        try:
            module = _module(path)
            actions = [_sourced(action, path) for action in actions_of(module)]
            registry.replace(file.actions, actions, are_loaded=True)
        except SyntaxError as error:
            return FileProblem(path, error.lineno or 0, f"SyntaxError: {error.msg}")
        except ConflictError as error:
            return FileProblem(path, 0, error.message, is_conflict=True)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # a file may fail in any way; the service goes on without it
            return FileProblem(path, _line(error, path), f"{type(error).__name__}: {error}")
        file.actions = actions
        file.extensions = extensions_of(module)
        return None


def extensions_of(loaded: object) -> Sequence[Extension]:
    """Return the filters and globals of a module, of a list or tuple, or a single one."""
    kinds = (TemplateFilter, TemplateFunction, TemplateValue)
    if isinstance(loaded, kinds):
        return [loaded]
    if isinstance(loaded, types.ModuleType):
        named = getattr(loaded, "EXTENSIONS", None)
        if named is not None:
            return extensions_of(named)
        return [value for name, value in vars(loaded).items() if isinstance(value, kinds) and not name.startswith("_")]
    if isinstance(loaded, list | tuple):
        return [item for item in loaded if isinstance(item, kinds)]
    return []


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:  # it is being replaced; the next look sees what came
        return 0, 0
    return status.st_mtime_ns, status.st_size


def _module(path: Path) -> types.ModuleType:
    """Execute a file as a module of its own; a former version of it is forgotten.

    It is entered into ``sys.modules``, since dataclasses look up the module of a class there. The source is compiled
    here rather than taken from a cache, whose time stamps are too coarse for a file that was saved twice in a second.
    """
    name = f"{_MODULE}.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        exec(compile(path.read_bytes(), str(path), "exec"), vars(module))  # noqa: S102  # the operator's own file
    except BaseException:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before
        raise
    return module


def _sourced(action: Action, path: Path) -> Action:
    """Return an action that names its file; one that the file imported keeps its own source."""
    module, _, line = action.source.rpartition(":")
    return replace(action, source=f"{path}:{line}") if module == f"{_MODULE}.{path.stem}" else action


def _line(error: BaseException, path: Path) -> int:
    """Return the line of the file on which loading failed."""
    line, trace = 0, error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
