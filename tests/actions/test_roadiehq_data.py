import difflib
import json
from typing import Any

import pytest
import yaml

from backstage_py.errors import InputError, NotFoundError
from tests.actions.harness import Task

MERGE, MERGE_JSON = "roadiehq:utils:merge", "roadiehq:utils:json:merge"
TO_JSON, TO_YAML = "roadiehq:utils:serialize:json", "roadiehq:utils:serialize:yaml"
JSONATA, FROM_JSON, FROM_YAML = (f"roadiehq:utils:jsonata{end}" for end in ("", ":json:transform", ":yaml:transform"))


def put(task: Task, name: str, text: str) -> None:
    (task.workspace.root / name).write_bytes(text.encode())


def text_of(task: Task, name: str) -> str:
    return task.tree()[name].decode()


@pytest.mark.parametrize(
    ("old", "content", "append", "merged"),
    [
        ({"a": {"b": 1}}, {"a": {"c": 2}}, False, {"a": {"b": 1, "c": 2}}),
        ({"l": [1, 2]}, {"l": [3]}, False, {"l": [3]}),
        ({"l": [1, 2, 2]}, {"l": [2, 3]}, True, {"l": [1, 2, 3]}),
        ({"l": [{"a": 1}]}, {"l": [{"a": 1}]}, True, {"l": [{"a": 1}, {"a": 1}]}),
        ({"l": [1]}, {"l": "x"}, True, {"l": [1, "x"]}),
        ({"l": [1]}, {"l": {"a": 1}}, False, {"l": {"a": 1}}),
        ({"o": {"a": 1}}, {"o": [1]}, True, {"o": [1]}),
        ({"o": {"a": 1}}, {"o": None}, False, {"o": None}),
        ({"x": 1, "y": True}, {"x": {"a": 1}}, False, {"x": {"a": 1}, "y": True}),
        ({"l": [1, True, "1"]}, {"l": [True, 1.0, "1", None]}, True, {"l": [1, True, "1", None]}),
    ],
)
@pytest.mark.parametrize("as_text", [False, True])
async def test_json_is_merged_member_by_member(
    task: Task, old: Any, content: Any, append: bool, merged: Any, as_text: bool
) -> None:
    given = {"content": json.dumps(content) if as_text else content, "mergeArrays": append}
    for action in (MERGE, MERGE_JSON):
        put(task, "a.json", json.dumps(old))
        result = await task.run(action, {"path": "a.json", **given})
        assert result.outputs == {"path": str(task.workspace.root / "a.json")}
        assert text_of(task, "a.json") == json.dumps(merged, indent=2)


async def test_a_json_file_is_made_when_there_is_none(task: Task) -> None:
    result = await task.run(MERGE_JSON, {"path": "new.json", "content": {"a": 1}, "matchFileIndent": True})
    assert text_of(task, "new.json") == '{\n  "a": 1\n}'
    assert "does not exist, creating it." in result.log.messages[0]
    with pytest.raises(NotFoundError, match="does not exist"):
        await task.run(MERGE, {"path": "none.yaml", "content": {}})


@pytest.mark.parametrize(
    ("old", "indent"),
    [('{\n    "a": {\n        "b": 1\n    }\n}', 4), ('{\n\t"a": 1\n}', 1), ('{"a": 1}', 2), ('{\n   "a": 1\n}', 3)],
)
async def test_the_indentation_of_a_file_can_be_kept(task: Task, old: str, indent: int) -> None:
    put(task, "a.json", old)
    await task.run(MERGE_JSON, {"path": "a.json", "content": {"z": 1}, "matchFileIndent": True})
    assert text_of(task, "a.json") == json.dumps({**json.loads(old), "z": 1}, indent=indent)


async def test_what_cannot_be_merged_says_why(task: Task) -> None:
    put(task, "a.json", "[1]")
    for action in (MERGE, MERGE_JSON):
        with pytest.raises(InputError, match="the file holds a list, the content an object"):
            await task.run(action, {"path": "a.json", "content": {"a": 1}})
        with pytest.raises(InputError, match="The content to merge is not JSON"):
            await task.run(action, {"path": "a.json", "content": "{"})
    put(task, "a.toml", "a = 1")
    result = await task.run(MERGE, {"path": "a.toml", "content": {"a": 2}})
    assert (text_of(task, "a.toml"), result.outputs) == ("a = 1", {})


@pytest.mark.parametrize("depth", [190, 800])
async def test_deep_data_is_merged_or_refused_in_words(task: Task, depth: int) -> None:
    deep = '{"a":' * depth + "1" + "}" * depth
    put(task, "a.json", deep)
    if depth < 200:
        await task.run(MERGE_JSON, {"path": "a.json", "content": deep})
        assert json.loads(text_of(task, "a.json")) == json.loads(deep)
    else:
        with pytest.raises(InputError, match="nested"):
            await task.run(MERGE_JSON, {"path": "a.json", "content": deep})
        with pytest.raises(InputError, match="nested"):
            await task.run(JSONATA, {"data": json.loads(deep), "expression": "$"})


YAML = """\
# who we are
metadata:
  name: shop # short

  tags: # of all kinds
    - java
    - 'quoted'
spec:
  owner: ~
"""


async def test_yaml_is_merged(task: Task) -> None:
    put(task, "a.yaml", YAML)
    given = {"path": "a.yaml", "content": "metadata: {tags: [go]}\nspec: {type: service}", "mergeArrays": True}
    await task.run(MERGE, given)
    assert text_of(task, "a.yaml") == (
        "metadata:\n  name: shop\n  tags:\n    - java\n    - quoted\n    - go\nspec:\n  owner: null\n  type: service\n"
    )


async def test_yaml_keeps_its_comments_when_asked(task: Task) -> None:
    put(task, "a.yml", YAML)
    content = {"metadata": {"tags": ["go"], "title": "The shop"}, "spec": {"type": "service"}}
    await task.run(MERGE, {"path": "a.yml", "content": content, "mergeArrays": True, "preserveYamlComments": True})
    merged = YAML.replace("    - 'quoted'\n", "    - 'quoted'\n    - go\n  title: The shop\n")
    assert text_of(task, "a.yml") == merged.replace("owner: ~", "owner: null\n  type: service")


LAID_OUT = """---
# who: the team

image:
    repository:   ghcr.io/acme/shop
    digest:  'sha256:old' # by CI
    long: sha256:1111111111111111111111111111111111111111111111111111111111111111111 # by CI
    args: { a: 1,  b: [ x,y ] }   # as they come


envFrom:
- secretRef: {name:  first}
- secretRef:
    name: second
long: one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
empty: []
last: "1"   # the end"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
async def test_lines_that_do_not_change_stay_as_they_are(task: Task, end: str) -> None:
    text = LAID_OUT.replace("\n", end)
    put(task, "a.yaml", text)
    content = {
        "image": {"digest": "sha256:new", "long": "new"},
        "empty": ["full"],
        "envFrom": [{"name": "third"}],
        "more": True,
    }
    await task.run(MERGE, {"path": "a.yaml", "content": content, "mergeArrays": True, "preserveYamlComments": True})
    wanted = LAID_OUT.replace("'sha256:old'", "'sha256:new'").replace("empty: []", "empty:\n- full")
    wanted = wanted.replace(f"sha256:{'1' * 67}", "new")
    wanted = wanted.replace("name: second", "name: second\n- name: third") + "\nmore: true\n"
    assert (task.workspace.root / "a.yaml").read_bytes().decode() == wanted.replace("\n", end)


LISTS = "paths:\n  /a:\n    get:\n      parameters:\n      - in: path\n        name: a\n      x: 1\ntags:\n- a\n"


@pytest.mark.parametrize("text", [LISTS, LISTS.replace("      -", "        -").replace("        n", "          n")])
async def test_new_lists_stand_as_those_that_are_there(task: Task, text: str) -> None:
    put(task, "a.yaml", text)
    more = {"/b": {"get": {"parameters": [{"in": "path", "name": "b"}, {"in": "query", "deep": {"l": ["x"]}}]}}}
    await task.run(MERGE, {"path": "a.yaml", "content": {"paths": more}, "preserveYamlComments": True})
    merged = text_of(task, "a.yaml")
    assert yaml.safe_load(merged)["paths"] == yaml.safe_load(text)["paths"] | more
    assert [line for line in difflib.ndiff(text.splitlines(), merged.splitlines()) if line.startswith("-")] == []


async def test_lines_that_are_alike_do_not_keep_a_step_busy(task: Task) -> None:
    put(task, "a.yaml", "a:   1\nl:\n" + "  - x\n" * 2_000)
    await task.run(MERGE, {"path": "a.yaml", "content": {"a": 2}, "preserveYamlComments": True})
    assert text_of(task, "a.yaml").startswith("a: 2\nl:\n")


async def test_documents_that_are_not_chosen_stay_as_they_are(task: Task) -> None:
    text = "---\n# one\nkind:   A\n---\nkind: B\nspec:   {a: 1}\n--- \nkind:  C # [ as is ]\n"
    put(task, "a.yaml", text)
    given = {"path": "a.yaml", "content": {"x": 1}, "preserveYamlComments": True}
    await task.run(MERGE, {**given, "useDocumentIncludingField": {"key": "kind", "value": "B"}})
    assert text_of(task, "a.yaml") == text.replace("{a: 1}\n", "{a: 1}\nx: 1\n")


async def test_comments_are_given_up_where_they_cannot_be_kept(task: Task) -> None:
    put(task, "a.yaml", "# lost\nk: {{ x }}\n")
    given = {"path": "a.yaml", "content": {"b": 2}, "preserveYamlComments": True}
    result = await task.run(MERGE, given)
    assert result.log.lines[0][0] == "warning"
    assert text_of(task, "a.yaml") == 'k:\n  "{ x }": null\nb: 2\n'


SEVERAL = "kind: A\nmetadata:\n  name: one\nn: 1\n---\nkind: B\nmetadata:\n  name: two\nn: 2\n"


@pytest.mark.parametrize(
    ("comments", "key", "value"), [(False, "kind", "B"), (False, "n", "2"), (True, "metadata.name", "two")]
)
async def test_the_document_with_a_field_gets_the_content(task: Task, comments: bool, key: str, value: str) -> None:
    put(task, "a.yaml", SEVERAL)
    field = {"key": key, "value": value}
    given = {"path": "a.yaml", "content": {"x": 1}, "preserveYamlComments": comments}
    await task.run(MERGE, {**given, "useDocumentIncludingField": field})
    assert text_of(task, "a.yaml") == SEVERAL + "x: 1\n"
    with pytest.raises(InputError, match="Multiple documents found"):
        await task.run(MERGE, given)


async def test_a_document_without_the_field_is_an_error_without_comments(task: Task) -> None:
    put(task, "a.yaml", SEVERAL)
    given = {"path": "a.yaml", "content": {}, "useDocumentIncludingField": {"key": "metadata", "value": "x"}}
    with pytest.raises(InputError, match=r'The value at "metadata" .* must be a string or a number'):
        await task.run(MERGE, given)
    put(task, "a.yaml", "")
    with pytest.raises(InputError, match="No documents found"):
        await task.run(MERGE, given)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, '{"b":1,"a":{"b":[1.5,null,"é\\n"],"c":1e+21}}'),
        (
            {"space": "  "},
            '{\n  "b": 1,\n  "a": {\n    "b": [\n      1.5,\n      null,\n      "é\\n"\n    ],\n    "c": 1e+21\n  }\n}',
        ),
        ({"replacer": ["a", "c"]}, '{"a":{"c":1e+21}}'),
        ({"replacer": []}, '{"b":1,"a":{"b":[1.5,null,"é\\n"],"c":1e+21}}'),
        ({"replacer": ["c"], "space": "2"}, "{}"),
    ],
)
async def test_data_is_written_as_javascript_writes_json(task: Task, given: dict[str, Any], text: str) -> None:
    data = {"b": 1, "a": {"b": [1.5, None, "é\n"], "c": 1e21}}
    assert (await task.run(TO_JSON, {"data": data, **given})).outputs == {"serialized": text}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (None, "on: '# \"x\"'\nlist:\n  - a: null\n    b: true\n"),
        ({"indent": 4, "singleQuote": False}, 'on: "# \\"x\\""\nlist:\n    - a: null\n      b: true\n'),
        ({"indentSeq": False, "nullStr": "~"}, "on: '# \"x\"'\nlist:\n- a: ~\n  b: true\n"),
        ({"collectionStyle": "flow"}, "{ on: '# \"x\"', list: [ { a: null, b: true } ] }\n"),
        ({"directives": True, "trueStr": "on"}, "---\non: '# \"x\"'\nlist:\n  - a: null\n    b: on\n"),
    ],
)
async def test_data_is_written_as_yaml_with_options(task: Task, options: dict[str, Any] | None, text: str) -> None:
    data = {"on": '# "x"', "list": [{"a": None, "b": True}]}
    given = {"data": data, **({"options": options} if options else {})}
    assert (await task.run(TO_YAML, given)).outputs == {"serialized": text}


async def test_an_option_that_makes_no_sense_is_refused(task: Task) -> None:
    with pytest.raises(InputError, match="The option indent must be a whole number above 0"):
        await task.run(TO_YAML, {"data": {}, "options": {"indent": 0}})


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("$sum(items.price)", 7.5),
        ("items[price > 3].name", "b"),
        ("items.{name: price}", [{"a": 3}, {"b": 4.5}]),
        (r"$replace('a-b', /(\w)-(\w)/, '$2 $1')", "b a"),
        ("items ~> $count", 2),
    ],
)
async def test_an_expression_is_evaluated(task: Task, expression: str, result: Any) -> None:
    data = {"items": [{"name": "a", "price": 3}, {"name": "b", "price": 4.5}]}
    assert (await task.run(JSONATA, {"data": data, "expression": expression})).outputs == {"result": result}


async def test_an_expression_that_gives_nothing_has_no_output(task: Task) -> None:
    assert (await task.run(JSONATA, {"data": {}, "expression": "nothing.here"})).outputs == {}


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("(", "Expected"),
        ("$nofunction()", "non-function"),
        ("($f := function($n) {$f($n + 1) + 1}; $f(0))", "Stack overflow"),
        ("($f := function($s, $n) {$n = 0 ? $s : $f($s & $s, $n - 1)}; $f('x', 40))", "more memory"),
        ("$match('aaaa', /(?=a)/)", "linear time"),
    ],
)
async def test_an_expression_that_fails_or_grows_without_end_is_an_error(
    task: Task, expression: str, message: str
) -> None:
    with pytest.raises(InputError, match=f"JSONata failed to evaluate the expression: .*{message}"):
        await task.run(JSONATA, {"data": {}, "expression": expression})


async def test_a_json_file_is_transformed(task: Task) -> None:
    put(task, "package.json", '{"name": "shop", "version": "1.0.0", "n": {"version": 1}}')
    given = {"path": "package.json", "expression": "$ ~> |$|{'version': '2.0.0'}|"}
    as_text = '{"name":"shop","version":"2.0.0","n":{"version":1}}'
    assert (await task.run(FROM_JSON, given)).outputs == {"result": as_text}
    assert (await task.run(FROM_JSON, {**given, "as": "object"})).outputs == {"result": json.loads(as_text)}
    laid_out = await task.run(FROM_JSON, {**given, "replacer": ["version", "n"], "space": "\t"})
    assert laid_out.outputs["result"] == '{\n\t"version": "2.0.0",\n\t"n": {\n\t\t"version": 1\n\t}\n}'


async def test_a_yaml_file_is_transformed(task: Task) -> None:
    put(task, "a.yaml", SEVERAL)
    given = {"path": "a.yaml", "expression": "$.metadata.name", "loadAll": True}
    assert (await task.run(FROM_YAML, given)).outputs == {"result": "- one\n- two\n"}
    assert (await task.run(FROM_YAML, {**given, "as": "object"})).outputs == {"result": ["one", "two"]}
    put(task, "a.yaml", "a: {b: 1}\n")
    options = {"path": "a.yaml", "expression": "$", "options": {"indent": 4}}
    assert (await task.run(FROM_YAML, options)).outputs == {"result": "a:\n    b: 1\n"}
