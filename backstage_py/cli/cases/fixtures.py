"""Mocks, entities and answers as test files write them, and in files of their own."""

from collections.abc import Sequence
from pathlib import Path

from backstage_py.cli.cases import reader
from backstage_py.cli.cases.reader import Reader
from backstage_py.cli.local.fixtures import Answer, Fixtures, Mock
from backstage_py.lint.refusals import Where
from backstage_py.model.json import Json, JsonObject

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_OK = 200


def read_files(entities: Sequence[Path], mocks: Sequence[Path]) -> Fixtures:
    """Return what files hold that a command line names.

    Raises:
        InputError: one cannot be read, or holds something else.
    """
    found = [one for path in entities for one in entity_file(path)]
    return Fixtures({id_: mock for path in mocks for id_, mock in mock_file(path).items()}, found if entities else None)


def mock_file(path: Path) -> dict[str, Mock]:
    """Read a file of mocks.

    Raises:
        InputError: it cannot be read, or holds something else.
    """
    documents = reader.documents(path)
    if not documents or documents[0].value is None:
        return {}
    given = Reader(path, documents[0])
    return mocks(given, documents[0].value, ())


def entity_file(path: Path) -> list[JsonObject]:
    """Read a file of entities: one a document, or lists of them.

    Raises:
        InputError: it cannot be read, or holds something else.
    """
    found: list[JsonObject] = []
    for document in reader.documents(path):
        given = Reader(path, document)
        if isinstance(document.value, list):
            found += [_entity(given, one, (index,)) for index, one in enumerate(document.value)]
        elif document.value is not None:
            found.append(_entity(given, document.value, ()))
    return found


def of(given: Reader, value: JsonObject, where: Where) -> Fixtures:
    """Return what a case, or the top of a test file, says."""
    answers = given.map(value, where, "http") if "http" in value else None
    found = _mocks_or_file(given, value.get("mocks"), (*where, "mocks"))
    return Fixtures(
        found,
        _entities(given, value.get("entities"), (*where, "entities")),
        None if answers is None else [_answer(given, *one, (*where, "http", one[0])) for one in answers.items()],
        _repositories(given, value, where),
        frozenset(found) if isinstance(value.get("mocks"), str) else frozenset(),
    )


def merged(common: Fixtures, own: Fixtures) -> Fixtures:
    """Return what holds for a case: its own, and what is common to all."""
    entities = [one for part in (own.entities, common.entities) if part is not None for one in part]
    answers = [one for part in (own.answers, common.answers) if part is not None for one in part]
    return Fixtures(
        {**common.mocks, **own.mocks},
        None if own.entities is None and common.entities is None else entities,
        None if own.answers is None and common.answers is None else answers,
        {**common.repositories, **own.repositories},
        (common.shared - set(own.mocks)) | own.shared,
    )


def mocks(given: Reader, value: Json, where: Where) -> dict[str, Mock]:
    """Return mocks by the id of their step or action."""
    if not isinstance(value, dict):
        raise given.error_at(where, "mocks are an object: what an action does, by the id of a step or of an action")
    return {str(id_): _mock(given, one, (*where, id_)) for id_, one in value.items()}


def _mocks_or_file(given: Reader, value: Json, where: Where) -> dict[str, Mock]:
    if value is None:
        return {}
    return given.named(value, where, mock_file) if isinstance(value, str) else mocks(given, value, where)


def _mock(given: Reader, value: Json, where: Where) -> Mock:
    if value is None:
        return Mock()
    given.expect_keys(value, where, "mock")
    files = _texts_of_files(given, value, where, "files")
    return Mock(
        given.map(value, where, "output"), given.texts(value, where, "log"), given.text(value, where, "fail"), files
    )


def _repositories(given: Reader, value: JsonObject, where: Where) -> dict[str, JsonObject]:
    listed = given.map(value, where, "repositories")
    return {name: _texts_of_files(given, listed, (*where, "repositories"), name) for name in listed}


def _texts_of_files(given: Reader, value: JsonObject, where: Where, key: str) -> JsonObject:
    files = given.map(value, where, key)
    for path, content in files.items():
        if not isinstance(content, str):
            raise given.error_at((*where, key, path), f"the content of '{path}' must be text")
    return files


def _entities(given: Reader, value: Json, where: Where) -> list[JsonObject] | None:
    if value is None:
        return None
    if isinstance(value, str):
        return given.named(value, where, entity_file)
    if not isinstance(value, list):
        raise given.error_at(where, "'entities' must be a list of entities and of files with entities, or one file")
    found: list[JsonObject] = []
    for index, one in enumerate(value):
        place = (*where, index)
        found += given.named(one, place, entity_file) if isinstance(one, str) else [_entity(given, one, place)]
    return found


def _entity(given: Reader, value: Json, where: Where) -> JsonObject:
    metadata = value.get("metadata") if isinstance(value, dict) else None
    if not isinstance(metadata, dict) or not isinstance(value.get("kind"), str):
        raise given.error_at(where, "an entity has 'kind' and 'metadata' with 'name'")
    namespace = metadata.get("namespace")
    if not isinstance(metadata.get("name"), str) or not isinstance(namespace, str | None):
        raise given.error_at(where, "an entity's 'metadata' has a 'name', and perhaps a 'namespace', that are texts")
    entity: JsonObject = {"apiVersion": "backstage.io/v1alpha1", **value}
    return entity


def _answer(given: Reader, request: str, value: Json, where: Where) -> Answer:
    words = str(request).split()
    method = words[0].upper() if len(words) > 1 else None
    if not words or len(words) > 2 or (method and method not in _METHODS):  # noqa: PLR2004  # method and path
        raise given.error_at(where, f"'{request}' is no request; write it as 'GET /api/catalog/entities', or as a path")
    if value is None:
        return Answer(method, words[-1])
    given.expect_keys(value, where, "answer")
    status = value.get("status", _OK)
    if isinstance(status, bool) or not isinstance(status, int) or not 100 <= status <= 599:  # noqa: PLR2004  # of HTTP
        raise given.error_at((*where, "status"), "'status' must be a number between 100 and 599")
    headers = {str(name): str(one) for name, one in given.map(value, where, "headers").items()}
    return Answer(method, words[-1], status, headers, value.get("body"))


def unknown_mocks(fixtures: Fixtures, steps: Sequence[JsonObject]) -> list[str]:
    """Return the ids of a test's own mocks that no step of a template has, nor its action."""
    known = {str(step.get(key)) for step in steps for key in ("id", "action")}
    return [id_ for id_ in fixtures.mocks if id_ not in known and id_ not in fixtures.shared]
