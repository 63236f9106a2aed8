import os
import zipfile
from typing import Any

import pytest

from backstage_py.errors import InputError, NotAllowedError, NotFoundError
from backstage_py.model.yaml import YamlError
from tests.actions.harness import Task

WRITE, APPEND, PARSE = "roadiehq:utils:fs:write", "roadiehq:utils:fs:append", "roadiehq:utils:fs:parse"
REPLACE, ZIP, SLEEP = "roadiehq:utils:fs:replace", "roadiehq:utils:zip", "roadiehq:utils:sleep"


def put(task: Task, **files: str | bytes) -> None:
    """Write files of the workspace; ``__`` in a name stands for a slash, ``_`` for a dot."""
    for name, content in files.items():
        path = task.workspace.root / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_file_is_written_as_it_is_given(task: Task, dry_run: bool) -> None:
    result = await task.run(WRITE, {"path": "a/b.txt", "content": 'é {"a":1}\r\n'}, dry_run=dry_run)
    assert task.tree() == {"a/b.txt": 'é {"a":1}\r\n'.encode()}
    assert result.outputs == {"path": str(task.workspace.root / "a/b.txt")}


async def test_json_can_be_laid_out_and_other_text_stays(task: Task) -> None:
    given = {"path": "a.json", "preserveFormatting": True}
    await task.run(WRITE, {**given, "content": '{"b":[1,{}],"1":1.0,"a":[]}'})
    assert task.tree()["a.json"] == b'{\n  "1": 1,\n  "b": [\n    1,\n    {}\n  ],\n  "a": []\n}'
    await task.run(WRITE, {**given, "content": "{not json"})
    assert task.tree()["a.json"] == b"{not json"


async def test_text_is_appended_to_a_file_that_need_not_be_there(task: Task) -> None:
    await task.run(APPEND, {"path": "list.txt", "content": "a\n"})
    result = await task.run(APPEND, {"path": "list.txt", "content": "b"})
    assert task.tree() == {"list.txt": b"a\nb"}
    assert result.outputs == {"path": str(task.workspace.root / "list.txt")}
    with pytest.raises(NotFoundError, match="ENOENT: no such file or directory"):
        await task.run(APPEND, {"path": "nowhere/list.txt", "content": "a"})


@pytest.mark.parametrize(
    ("parser", "text", "content"),
    [
        (None, "a: 1\n", "a: 1\n"),
        ("yaml", "a: 010\nb: yes\n", {"a": 10, "b": "yes"}),
        ("json", '{"a": 1.0}', {"a": 1}),
        ("multiyaml", "a: 1\n---\n- 2\n", [{"a": 1}, [2]]),
        ("yaml", "", None),
    ],
)
async def test_a_file_is_parsed(task: Task, parser: str | None, text: str, content: Any) -> None:
    put(task, data=text)
    result = await task.run(PARSE, {"path": "data", **({"parser": parser} if parser else {})})
    assert result.outputs == {"content": content}


async def test_a_file_that_cannot_be_parsed_says_why(task: Task) -> None:
    put(task, data="a: [", several="a: 1\n---\nb: 2")
    with pytest.raises(InputError, match="'data' is not JSON"):
        await task.run(PARSE, {"path": "data", "parser": "json"})
    for parser in ("yaml", "multiyaml"):
        with pytest.raises(YamlError, match="data"):
            await task.run(PARSE, {"path": "data", "parser": parser})
    with pytest.raises(YamlError, match="multiple documents"):
        await task.run(PARSE, {"path": "several", "parser": "yaml"})
    with pytest.raises(NotFoundError, match="no file 'none'"):
        await task.run(PARSE, {"path": "none"})
    (task.workspace.root / "huge").touch()
    os.truncate(task.workspace.root / "huge", 10 * 1024 * 1024 + 1)
    with pytest.raises(InputError, match="larger than 10 MiB"):
        await task.run(PARSE, {"path": "huge"})


@pytest.mark.parametrize(
    ("action", "given"),
    [
        (WRITE, {"content": "x"}),
        (APPEND, {"content": "x"}),
        (PARSE, {}),
        (ZIP, {"outputPath": "x.zip"}),
        ("roadiehq:utils:merge", {"content": {}}),
        ("roadiehq:utils:json:merge", {"content": {}}),
        ("roadiehq:utils:jsonata:json:transform", {"expression": "$"}),
        ("roadiehq:utils:jsonata:yaml:transform", {"expression": "$"}),
    ],
)
async def test_no_path_leaves_the_workspace(task: Task, action: str, given: dict[str, Any]) -> None:
    secret = task.folder / "secret.json"
    secret.write_text("{}")
    (task.workspace.root / "link.json").symlink_to(secret)
    for path in ("../secret.json", str(secret), "link.json"):
        with pytest.raises(NotAllowedError):
            await task.run(action, {"path": path, **given})
    assert secret.read_text() == "{}"


async def replaced(task: Task, text: str, **file: Any) -> str:
    put(task, f=text)
    await task.run(REPLACE, {"files": [{"file": "f", **file}]})
    return task.tree()["f"].decode()


async def test_a_text_is_replaced_everywhere_and_is_no_pattern(task: Task) -> None:
    assert await replaced(task, "a.b axb a.b", find="a.b", replaceWith="c") == "c axb c"


@pytest.mark.parametrize(
    ("find", "template", "text", "result"),
    [
        (r"v(\d+)\.(\d+)", "$2-$1", "v1.2 v3.4", "2-1 4-3"),
        (r"(?<n>\w+)!", "<$<n>$&$$>", "hi!", "<hihi!$>"),
        ("b", "[$`|$']", "abc", "a[a|c]c"),
        ("a*", "x", "baac", "xbxxcx"),
        ("(a)", "$0 $2 $11 $01", "a", "$0 $2 a1 a"),
        ("^a", "b", "a\na", "b\na"),
        ("[^]", "x", "\n", "x"),
    ],
)
async def test_an_expression_is_replaced_as_javascript_does_it(
    task: Task, find: str, template: str, text: str, result: str
) -> None:
    assert await replaced(task, text, find=find, replaceWith=template, matchRegex=True) == result


@pytest.mark.thorough
async def test_an_evil_expression_is_bounded(task: Task) -> None:
    text = "a" * 50_000 + "!"
    assert await replaced(task, text, find="(a+)+$", replaceWith="b", matchRegex=True) == text
    with pytest.raises(InputError, match="The limit of 1,000,000 steps in one regular expression is exceeded"):
        await replaced(task, text, find="(?=(a+)+b)x", replaceWith="b", matchRegex=True)
    assert await replaced(task, "a1 ab", find=r"a(?=\d)", replaceWith="b", matchRegex=True) == "b1 ab"
    with pytest.raises(InputError, match="The regular expression is invalid"):
        await replaced(task, "a", find="(a", replaceWith="b", matchRegex=True)
    with pytest.raises(InputError, match="limit of 67,108,864 UTF-16 code units in one value is exceeded"):
        await replaced(task, "a" * 100_000, find="a", replaceWith="$`")


async def test_a_pattern_names_files_and_skips_dots_unless_told(task: Task) -> None:
    put(task, README_md="X", src__a_md="X", src__deep__b_md="X", src___hidden_md="X", src__c_txt="X")
    await task.run(REPLACE, {"files": [{"file": "**/*.md", "find": "X", "replaceWith": "Y"}]})
    assert {name for name, content in task.tree().items() if content == b"Y"} == {
        "README.md",
        "src/a.md",
        "src/deep/b.md",
    }
    given = {"file": "src/*.md", "find": "X", "replaceWith": "Z", "includeDotFiles": True}
    await task.run(REPLACE, {"files": [given, {"file": "src/.hid*", "find": "Z", "replaceWith": "W"}]})
    assert task.tree()["src/.hidden.md"] == b"W"
    await task.run(REPLACE, {"files": [{"file": "src", "find": "X", "replaceWith": "Y"}]})
    assert task.tree()["src/c.txt"] == b"X"


async def test_a_file_without_a_match_keeps_its_bytes(task: Task) -> None:
    put(task, logo_png=b"\x89PNG\xff\x00")
    await task.run(REPLACE, {"files": [{"file": "*", "find": "NAME", "replaceWith": "x"}]})
    assert task.tree()["logo.png"] == b"\x89PNG\xff\x00"


@pytest.mark.parametrize("file", [{"find": "a", "replaceWith": "b"}, {"file": "f"}, {"file": "f", "find": "a"}])
async def test_an_incomplete_replacement_is_refused(task: Task, file: dict[str, str]) -> None:
    with pytest.raises(InputError, match=r"needs to be defined|must have a find and replaceWith"):
        await task.run(REPLACE, {"files": [file]})


async def test_replacing_stays_in_the_workspace(task: Task) -> None:
    secret = task.folder / "secret"
    secret.write_text("X")
    (task.workspace.root / "link").symlink_to(secret)
    for file in ("../secret", "link", "l*"):
        with pytest.raises(NotAllowedError):
            await task.run(REPLACE, {"files": [{"file": file, "find": "X", "replaceWith": "Y"}]})
    assert secret.read_text() == "X"


def entries(task: Task, name: str) -> dict[str, bytes]:
    with zipfile.ZipFile(task.workspace.root / name) as archive:
        assert archive.testzip() is None
        return {one: archive.read(one) for one in archive.namelist()}


async def test_a_folder_is_packed_without_the_archive_itself(task: Task) -> None:
    put(task, chart__Chart_yaml="a", chart__templates__x_yaml="b")
    (task.workspace.root / "chart/empty").mkdir()
    (task.workspace.root / "chart/link").symlink_to("Chart.yaml")
    await task.run(ZIP, {"path": "chart", "outputPath": "chart/out/chart.zip"})
    result = await task.run(ZIP, {"path": "chart", "outputPath": "chart/out/chart.zip"})
    assert result.outputs == {"outputPath": "chart/out/chart.zip"}
    packed = entries(task, "chart/out/chart.zip")
    files = {name: content for name, content in packed.items() if not name.endswith("/")}
    assert files == {"Chart.yaml": b"a", "templates/x.yaml": b"b", "link": b"a"}
    assert {"empty/", "templates/"} <= set(packed)


async def test_a_single_file_is_packed_under_its_name(task: Task) -> None:
    put(task, a__b_txt="x")
    await task.run(ZIP, {"path": "a/b.txt", "outputPath": "b.zip"})
    assert entries(task, "b.zip") == {"b.txt": b"x"}


async def test_what_cannot_be_packed_leaves_no_archive(task: Task) -> None:
    with pytest.raises(InputError, match=r"File none does not exist. Can't zip it."):
        await task.run(ZIP, {"path": "none", "outputPath": "a.zip"})
    (task.workspace.root / "big").mkdir()
    (task.workspace.root / "big/file").touch()
    os.truncate(task.workspace.root / "big/file", 256 * 1024 * 1024 + 1)
    with pytest.raises(InputError, match="at most 50000 entries and 256 MiB"):
        await task.run(ZIP, {"path": "big", "outputPath": "a.zip"})
    (task.workspace.root / "leak").mkdir()
    (task.workspace.root / "leak/passwd").symlink_to("/etc/passwd")
    with pytest.raises(NotAllowedError):
        await task.run(ZIP, {"path": "leak", "outputPath": "a.zip"})
    assert not [path for path in task.folder.iterdir() if "zip" in path.name]
    assert "a.zip" not in task.tree()


@pytest.mark.parametrize("dry_run", [False, True])
async def test_sleeping_ends_when_the_task_is_cancelled(task: Task, dry_run: bool) -> None:
    task.signal.set()
    result = await task.run(SLEEP, {"amount": 3600}, dry_run=dry_run)
    assert result.log.messages == ["Waiting 3600 seconds"]


async def test_sleeping_takes_its_time(task: Task) -> None:
    assert (await task.run(SLEEP, {"amount": 0.01})).outputs == {}
    assert (await task.run(SLEEP, {"amount": -1})).outputs == {}
