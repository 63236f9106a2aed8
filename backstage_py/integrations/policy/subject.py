"""What is judged: files of a workspace with the places of their values, and what was asked for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backstage_py.errors import InputError
from backstage_py.model import globs, yaml
from backstage_py.model.globs import Entry
from backstage_py.model.json import Json, JsonObject
from backstage_py.model.yaml import Document

_STRUCTURED = (".yaml", ".yml", ".json")
_MOST_FILES = 5_000
_LARGEST_TEXT = 256 * 1024
_MOST_TEXT = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class File:
    """A file; ``documents`` of YAML and JSON, ``text`` of others; neither where it is binary or large."""

    path: str
    size: int
    text: str | None = None
    documents: Sequence[Document] = ()

    def line(self, document: int, at: Sequence[str | int]) -> int:
        """Return the line of a value; that of its document where there is none; 1 in a text."""
        if not 0 <= document < len(self.documents):
            return 1
        return self.documents[document].position(at).line

    def as_json(self) -> JsonObject:
        """Return the file as a policy sees it."""
        shown: JsonObject = {"path": self.path, "size": self.size}
        if self.documents:
            shown["documents"] = [one.value for one in self.documents]
        return shown if self.text is None else shown | {"text": self.text}


@dataclass(frozen=True, slots=True)
class Subject:
    """Files and a request."""

    request: Mapping[str, Json] = field(default_factory=dict)
    files: Sequence[File] = ()

    def as_json(self) -> JsonObject:
        """Return all of it as the ``input`` of a policy."""
        return {"request": dict(self.request), "files": [one.as_json() for one in self.files]}

    def documents(self) -> Iterator[tuple[File, int, Json]]:
        """Yield the documents of all files that are not empty, each with its file and its number."""
        for file in self.files:
            for index, one in enumerate(file.documents):
                if one.value is not None:
                    yield file, index, one.value

    def file(self, path: str) -> File | None:
        """Return a file by its path."""
        return next((one for one in self.files if one.path == path), None)


def read(root: Path, paths: Sequence[str], request: Mapping[str, Json]) -> Subject:
    """Read the files below a folder that globs name; links are passed over, and what ``.git`` holds.

    Raises:
        InputError: there is more than policies are asked about.
    """
    entries = [Entry(one.relative_to(root).as_posix(), is_folder=False) for one in _files(root)]
    wanted = sorted(globs.select(list(paths), entries))
    if len(wanted) > _MOST_FILES:
        raise InputError(f"Policies are asked about {_MOST_FILES} files at most, not {len(wanted)}; narrow 'paths'")
    files: list[File] = []
    total = 0
    for one in wanted:
        file, taken = _file(root / one, one)
        files.append(file)
        total += taken
        if total > _MOST_TEXT:
            raise InputError(f"Policies are asked about {_MOST_TEXT // 2**20} MiB of text at most; narrow 'paths'")
    return Subject(request, files)


def _files(folder: Path) -> Iterator[Path]:
    for one in sorted(folder.iterdir()):
        if one.is_symlink() or one.name == ".git":
            continue
        if one.is_dir():
            yield from _files(one)
        elif one.is_file():
            yield one


def _file(path: Path, name: str) -> tuple[File, int]:
    """Return a file, and how many bytes of text it gives a policy to read."""
    size = path.stat().st_size
    if size > _LARGEST_TEXT:
        if name.endswith(_STRUCTURED):
            raise InputError(f"'{name}' is larger than {_LARGEST_TEXT // 1024} KiB, so that no policy can judge it")
        return File(name, size), 0
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError:
        return File(name, size), 0
    documents = yaml.load_all(text, filename=name) if name.endswith(_STRUCTURED) else []
    if documents and not any(one.errors for one in documents):
        return File(name, size, documents=documents), size
    return File(name, size, text), size
