import pytest

from backstage_py.model import yaml
from backstage_py.model.json import Json
from backstage_py.model.yaml import Position, YamlError, fast

ENTITY = """\
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: shop
  tags: [java, "web"]
  annotations: {a/b: c}
spec:
  owner: group:default/team
  dependsOn:
    - resource:default/db
    - component:default/other
"""


def test_words_of_yaml_1_1_are_texts() -> None:
    assert yaml.load("a: yes\nb: off\nc: 12:30:45\nd: 2024-01-31\ne: 010\n") == {
        "a": "yes",
        "b": "off",
        "c": "12:30:45",
        "d": "2024-01-31",
        "e": 10,
    }


def test_a_placeholder_without_quotes_is_a_map_with_a_map_as_key() -> None:
    assert yaml.load("name: {{ x }}\n") == {"name": {"{ x }": None}}


def test_a_tab_inside_an_expression_is_text() -> None:
    assert yaml.load("a: ${{ b.c\t}}\n") == {"a": "${{ b.c\t}}"}


def test_a_block_at_the_end_of_the_file_gets_its_line_break() -> None:
    assert yaml.load("a: |\n  x") == {"a": "x\n"}


def test_byte_order_mark_and_crlf_are_accepted() -> None:
    text = "\ufeffa: 1\r\nb: |\r\n  x\r\n  y\r\n"
    assert yaml.load(text.encode()) == {"a": 1, "b": "x\ny\n"}


def test_bytes_that_are_not_utf_8_become_replacement_characters() -> None:
    assert yaml.load(b"a: \xff\n") == {"a": "\ufffd"}


def test_whole_numbers_are_int_whatever_their_spelling() -> None:
    value = yaml.load("[1.0, 1e3, 0x10, -0]")
    assert value == [1, 1000, 16, 0]
    assert [type(item) for item in value] == [int] * 4


def test_every_document_is_read_and_a_trailing_marker_is_an_empty_one() -> None:
    assert [document.value for document in yaml.load_all("a: 1\n---\nb: 2\n---\n")] == [{"a": 1}, {"b": 2}, None]


def test_an_empty_file_holds_no_document() -> None:
    assert yaml.load_all("# nothing\n") == []
    assert yaml.load("") is None


def test_one_broken_document_leaves_the_others_readable() -> None:
    first, second = yaml.load_all("a: [1\n---\nb: 2\n")
    assert first.errors
    assert second.value == {"b": 2}


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        ((), Position(1, 1), Position(1, 1)),
        (("metadata", "name"), Position(4, 9), Position(4, 3)),
        (("metadata", "tags", 1), Position(5, 16), Position(5, 16)),
        (("metadata", "annotations", "a/b"), Position(6, 22), Position(6, 17)),
        (("spec", "dependsOn", 1), Position(11, 7), Position(11, 7)),
        (("spec", "missing", "deeper"), Position(8, 3), Position(7, 1)),
    ],
)
def test_every_value_knows_its_line_and_column(path: tuple[str | int, ...], value: Position, key: Position) -> None:
    document = yaml.load_all(ENTITY)[0]
    assert document.position(path) == value
    assert document.key_position(path) == key


def test_positions_count_from_the_start_of_the_file_in_later_documents() -> None:
    assert yaml.load_all("a: 1\n---\nb: 2\n")[1].position(("b",)) == Position(3, 4)


def test_a_key_twice_is_an_error_that_shows_the_line_and_helps() -> None:
    with pytest.raises(YamlError) as caught:
        yaml.load("kind: A\nname: x\nkind: B\n", filename="catalog-info.yaml")
    assert (caught.value.line, caught.value.column, caught.value.source_line) == (3, 1, "kind: B")
    assert str(caught.value) == (
        "catalog-info.yaml:3:1: Map keys must be unique\n  kind: B\n  ^\nRemove one of the two keys or rename it."
    )


def test_several_documents_are_no_single_one() -> None:
    with pytest.raises(YamlError, match=r"a\.yaml:3:1: Source contains multiple documents"):
        yaml.load("a: 1\n---\nb: 1\n", filename="a.yaml")


def test_an_unclosed_list_is_reported_as_backstage_does() -> None:
    (document,) = yaml.load_all("a: [1, 2\nb: 3: 4\n")
    assert str(document.errors[0]) == (
        "YAMLParseError: Flow sequence in block collection must be sufficiently indented and end with a ]"
        " at line 2, column 1:\n\na: [1, 2\nb: 3: 4\n^\n"
    )


def test_merge_keys_are_ordinary_unless_asked_for() -> None:
    text = "base: &b {x: 1, y: 2}\na:\n  <<: *b\n  x: 3\n"
    assert yaml.load(text)["a"] == {"<<": {"x": 1, "y": 2}, "x": 3}
    assert yaml.load(text, merge=True)["a"] == {"x": 3, "y": 2}


def test_a_list_of_merged_maps_prefers_the_first() -> None:
    text = "- &a {x: 1}\n- &b {x: 2, y: 2}\n- <<: [*a, *b]\n"
    assert yaml.load(text, merge=True)[2] == {"x": 1, "y": 2}


def test_what_is_merged_must_be_a_map() -> None:
    with pytest.raises(YamlError, match="Merge sources must be maps"):
        yaml.load("<<: 1\n", merge=True)


def test_a_billion_laughs_are_refused_quickly() -> None:
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10))
    with pytest.raises(YamlError, match="Excessive alias count"):
        yaml.load("a0: &a0 lol\n" + levels)


def test_a_value_that_holds_itself_is_refused() -> None:
    with pytest.raises(YamlError, match="refers to the value that holds it"):
        yaml.load("a: &x [*x]\n")


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_deep_nesting_is_refused_instead_of_exhausting_the_stack(opening: str) -> None:
    with pytest.raises(YamlError, match="Nested more than"):
        yaml.load(opening * 5000)


def test_a_key_named_like_a_prototype_is_data() -> None:
    assert yaml.load("__proto__: {admin: true}\n") == {"__proto__": {"admin": True}}


def test_numbered_keys_come_first_as_in_a_js_object() -> None:
    assert list(yaml.load("b: 1\n'10': 2\n2: 3\n")) == ["2", "10", "b"]


def test_unknown_tags_are_warnings() -> None:
    (document,) = yaml.load_all("a: !Ref x\n")
    assert document.value == {"a": "x"}
    assert [problem.message for problem in document.warnings] == ["Unresolved tag: !Ref"]


def test_a_version_1_1_directive_brings_its_words_back() -> None:
    assert yaml.load("%YAML 1.1\n---\na: yes\nb: 010\nc: 1_000\nd: 1:30\n") == {"a": True, "b": 8, "c": 1000, "d": 90}


def test_without_libyaml_the_result_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = yaml.load(ENTITY)
    monkeypatch.setattr(fast, "available", lambda: False)
    assert yaml.load(ENTITY) == quick


@pytest.mark.parametrize("text", [ENTITY, "a: |\n  x\n\n  y\nb:\n- c: 1\n  d: [e, {f: g}]\n-\n", "---\na: 1\n---\n"])
def test_ordinary_files_take_the_quick_way(text: str) -> None:
    assert fast.read(text) == [document.value for document in yaml.load_all(text)]


def test_what_cannot_be_json_is_not_written() -> None:
    with pytest.raises(ValueError, match="set is no JSON value"):
        yaml.dump({"a": {1}})


def test_data_that_holds_itself_is_not_written() -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(ValueError, match="nested more than"):
        yaml.dump(value)


def test_what_is_written_reads_back() -> None:
    value: Json = {"a": ["x\n", {"b": "yes", "c": "1.0", "d": "# x"}], "e": "long " * 50, "f": {}, "g": None}
    assert yaml.load(yaml.dump(value)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("!!binary pec: 1\n", {"\ufffd\ufffd": 1}),
        ("!!binary YQ==: 1\n!!binary YQ==: 2\n", {"a": 2}),
        ("{!!binary YQ==: 1}\n", {"a": 1}),
        ("? [!!binary YQ==]\n: 1\n", {"[ !!binary YQ== ]": 1}),
        ("? {a: !!binary YQ==}\n: 1\n", {"{ a: !!binary YQ== }": 1}),
        ('[{[!!binary "YQ=="]: 1}]\n', [{'[ !!binary "YQ==" ]': 1}]),
    ],
)
def test_bytes_as_keys_are_text_and_never_the_same(text: str, value: object) -> None:
    """As `yaml` 2 gives in Node.js."""
    assert yaml.load(text) == value
