"""How the entries of a skeleton become files of the workspace, in the order and with the words of Backstage."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

from backstage_py.plugin import ActionContext, ActionLogger, CancelSignal, InputError, Json, PermanentError
from backstage_py.plugin.formats import PathEntry, Renderer, select_paths, skeleton_renderer
from backstage_py_actions.fetch import skeleton
from backstage_py_actions.fetch.output import Output
from backstage_py_actions.fetch.skeleton import Entry, Kind

_DEFAULT_EXTENSION = ".njk"
_LARGEST_TEXT = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """What a template wants of rendering; the names are those of the action's input."""

    values: Mapping[str, Json] | None = None
    copy_without_templating: list[str] | None = None
    template_file_extension: str | bool = False
    cookiecutter_compat: bool = False
    replace: bool = False
    trim_blocks: bool = False
    lstrip_blocks: bool = False

    @property
    def extension(self) -> str:
        """The ending of files to render, with its dot; empty when all are rendered."""
        if not self.template_file_extension:
            return ""
        named = _DEFAULT_EXTENSION if self.template_file_extension is True else self.template_file_extension
        return named if named.startswith(".") else f".{named}"

    def check(self) -> None:
        """Refuse what cannot be combined.

        Raises:
            InputError: an extension together with patterns or cookiecutter names.
        """
        if self.template_file_extension and (self.copy_without_templating is not None or self.cookiecutter_compat):
            raise InputError(
                "Fetch action input extension incompatible with copyWithoutTemplating and cookiecutterCompat"
            )

    def context(self) -> dict[str, Json]:
        """Return what expressions see."""
        if self.values is None:
            return {}
        return {"cookiecutter" if self.cookiecutter_compat else "values": dict(self.values)}

    def values_in_log(self) -> str:
        """Return the values as Backstage's log shows them: JSON with sorted keys, after a blank."""
        return f" {orjson.dumps(dict(self.values), option=orjson.OPT_SORT_KEYS).decode()}" if self.values else ""


def renderer(ctx: ActionContext[Any], wanted: Rendering) -> Renderer:
    """Return the renderer for a fetch, with the options of the template."""
    return skeleton_renderer(
        ctx.services,
        cookiecutter_compat=wanted.cookiecutter_compat,
        trim_blocks=wanted.trim_blocks,
        lstrip_blocks=wanted.lstrip_blocks,
    )


def render_folder(
    folder: Path,
    output: Output,
    wanted: Rendering,
    engine: Renderer,
    logger: ActionLogger,
    signal: CancelSignal,
    *,
    shown: str,
) -> Iterator[None]:
    """Render a skeleton into the output; yields where the work can be interrupted.

    ``shown`` is how errors name the folder; without it they name what is in it alone.

    Raises:
        InputError: the output lies in the skeleton. PermanentError: the task was cancelled.
        TemplateError: an expression cannot be parsed or evaluated; it names file and line.
    """
    root = folder.resolve()
    if output.folder == root or root in output.folder.parents:
        raise InputError("targetPath must not be within template path")
    logger.info("Listing files and directories in template")
    entries = []
    for entry in skeleton.entries(root):
        entries.append(entry)
        yield
    verbatim = _verbatim(wanted.copy_without_templating or [], entries)
    logger.info(f"Processing {len(entries)} template files/directories with input values{wanted.values_in_log()}")
    prefix = f"{shown}/" if shown not in ("", ".") else ""
    pass_ = _Pass(output, wanted, engine, engine.prepare(wanted.context()), verbatim, logger, prefix)
    for entry in entries:
        if signal.is_set:
            raise PermanentError("The task was cancelled")
        pass_.write(entry)
        yield
    logger.info(f"Template result written to {output.folder}")


def _verbatim(patterns: list[str], entries: list[Entry]) -> set[str]:
    if not patterns:
        return set()
    return select_paths(patterns, [PathEntry(entry.path, entry.kind is Kind.FOLDER) for entry in entries])


@dataclass(slots=True)
class _Pass:
    output: Output
    wanted: Rendering
    engine: Renderer
    context: Any
    verbatim: set[str]
    logger: ActionLogger
    prefix: str

    def write(self, entry: Entry) -> None:
        path, is_rendered = self._plan(entry)
        if _has_empty_name(path) or (not self.wanted.replace and self.output.exists(path.rstrip("/"))):
            return
        if not is_rendered and not self.wanted.extension:
            self.logger.info(f"Copying file/directory {entry.name} without processing.")
        if entry.kind is Kind.FOLDER:
            self.logger.info(f"Writing directory {entry.name} to template output path.")
            self.output.make_folder(path, replace=True)
        elif entry.kind is Kind.TEXT:
            self.logger.info(f"Writing file {entry.name} to template output path with mode {entry.mode}.")
            self.output.write(path, self._content(entry, is_rendered=is_rendered), mode=entry.mode, replace=True)
        else:
            self.logger.info(f"Copying file binary or symbolic link at {entry.name}, to template output path.")
            self._copy(entry, path)

    def _plan(self, entry: Entry) -> tuple[str, bool]:
        """Return the output path, with a slash at the end of folders, and whether the content is rendered."""
        name = entry.name
        if extension := self.wanted.extension:
            is_rendered = PurePosixPath(entry.path).suffix == extension
            name = name[: -len(extension)] if is_rendered else name
        else:
            is_rendered = entry.path not in self.verbatim
        return self._rendered(name, entry.path), is_rendered

    def _rendered(self, source: str, filename: str) -> str:
        named = f"{self.prefix}{filename}"
        return self.engine.render(source, self.context, filename=named) if "{" in source else source

    def _content(self, entry: Entry, *, is_rendered: bool) -> bytes:
        if entry.status.st_size > _LARGEST_TEXT:
            raise InputError(
                f"'{self.prefix}{entry.path}' of the skeleton is larger than {_LARGEST_TEXT // (1024 * 1024)} MiB, the "
                "most that is handled as text; fetch it with fetch:plain"
            )
        text = skeleton.contents.text(entry.source, entry.status)
        return as_bytes(self._rendered(text, entry.path) if is_rendered else text)

    def _copy(self, entry: Entry, path: str) -> None:
        if entry.kind is Kind.LINK:
            if not self.output.link(str(entry.source.readlink()), path, replace=True):
                self.logger.warning(f"Leaving out the link {entry.name}: it would lead out of the workspace")
        else:
            self.output.copy(entry.source, path, mode=entry.mode, replace=True)


def as_bytes(text: str) -> bytes:
    """Return text in UTF-8 as Node writes it: halves of a character that stand alone become U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def _has_empty_name(path: str) -> bool:
    """Tell whether a rendered path has an empty part: that is how a template leaves files out."""
    return not path or path.startswith("/") or "//" in path
