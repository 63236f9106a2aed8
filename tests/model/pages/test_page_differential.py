"""Generated forms and values, resolved here and by Backstage's own function."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstage_py.model import parameter_pages
from backstage_py.model.json import Json, JsonObject
from tests.oracle.node import Oracle

pytestmark = pytest.mark.node

NAMES = st.sampled_from(["a", "b", "c", "d", "1"])
SCALARS = st.sampled_from(["x", "y", "", "false", 0, 1, -1.5, True, False, None])
VALUES: st.SearchStrategy[Json] = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3))
)
REFERENCES = st.sampled_from(
    [
        *("#", "#/definitions/a", "#/definitions/b", "#/definitions/a~1b", "#/definitions/%61", "#/properties/a"),
        *("#/allOf/0", "#/allOf/length", "#/nowhere", "#a", "other.json", "", "#/%", "#/%ff", "#/definitions/a/"),
    ]
)
KEYWORDS = ["properties"] * 4 + ["items", "more", "$ref", "parts", "branch", "dependencies", "odd"]


@st.composite
def schemas(draw: st.DrawFn, depth: int = 0) -> JsonObject:
    schema: JsonObject = {}
    inner = schemas(depth=depth + 1) if depth < 3 else st.just({})
    either = st.one_of(inner, inner, st.booleans(), st.none())
    for keyword in draw(st.lists(st.sampled_from(KEYWORDS), max_size=3)):
        match keyword:
            case "properties":
                schema["properties"] = draw(st.dictionaries(NAMES, either, max_size=3))
            case "items":
                schema["items"] = draw(st.one_of(either, st.lists(either, max_size=2)))
                if draw(st.booleans()):
                    schema["additionalItems"] = draw(either)
            case "more":
                schema["additionalProperties"] = draw(either)
            case "$ref":
                schema["$ref"] = draw(REFERENCES)
            case "parts":
                schema[draw(st.sampled_from(["allOf", "anyOf", "oneOf"]))] = draw(st.lists(either, max_size=2))
            case "branch":
                schema[draw(st.sampled_from(["if", "then", "else", "not"]))] = draw(either)
            case "dependencies":
                one = st.one_of(inner, st.lists(NAMES, max_size=2))
                schema["dependencies"] = draw(st.dictionaries(NAMES, one, max_size=2))
            case "odd":
                name = draw(st.sampled_from(["properties", "items", "allOf", "dependencies", "$ref", "then"]))
                schema[name] = draw(VALUES)
    return schema


OPERANDS = st.sampled_from(["'x'", "''", "1", "true", "parameters.a", "parameters.b", "[]", "parameters['1']", "none"])
WHOLE = st.sampled_from(
    [
        *("", "  ", "false", "${{ false }}", "\ufeff${{ false }}\u00a0", "text", "parameters.a.b.c", "[]", "${{ [] }}"),
        *("parameters.a | lower", "parameters | parseRepoUrl", "always()", "parameters.a.replace('x', '')", "(((", "0"),
        *(
            "r/x/.test(parameters.a)",
            "parameters.a | replace(r/x/g, '')",
            "parameters.a.split(r/x/)",
            "parameters.nope",
        ),
        *("${{ parameters.a }}${{ parameters.b }}", "{% if true %}{% endif %}", "x ${{ true }}", "${{ '' }} ", "-0"),
        *("${{ parameters.a", "parameters.a }} ${{ false", "a", "steps.x", "parameters.a is defined", "0/0", "none"),
    ]
)


@st.composite
def conditions(draw: st.DrawFn) -> Json:
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(st.one_of(st.booleans(), st.none(), st.integers(0, 1), st.just([]), st.just({})))
    if kind < 3:
        return draw(WHOLE)
    operator = draw(st.sampled_from(["==", "===", "!=", "and", "or", "in", "<"]))
    text = f"parameters.{draw(NAMES)} {operator} {draw(OPERANDS)}"
    return draw(st.sampled_from([text, f"${{{{ {text} }}}}", f"not ({text})", f" ${{{{ not {text} }}}}"]))


@st.composite
def forms(draw: st.DrawFn) -> tuple[list[JsonObject], JsonObject]:
    values: JsonObject = draw(st.dictionaries(NAMES, VALUES, max_size=5))
    pages = []
    for _ in range(draw(st.integers(1, 4))):
        page = draw(schemas())
        if draw(st.integers(0, 3)):
            page.setdefault("properties", {name: {} for name in draw(st.lists(NAMES, max_size=3))})
        if draw(st.integers(0, 2)):
            page["when"] = draw(conditions())
        if draw(st.integers(0, 2)) == 0:
            page["definitions"] = draw(st.dictionaries(st.sampled_from(["a", "b", "a/b", ""]), schemas(2), max_size=3))
        pages.append(page)
    return pages, values


@pytest.mark.thorough
@given(forms())
def test_pages_and_values_are_those_of_backstage(
    page_oracle: Oracle, form: tuple[list[JsonObject], JsonObject]
) -> None:
    pages, values = form
    found = parameter_pages.shown(pages, values)
    answer = page_oracle.ask({"pages": pages, "values": values})
    assert (list(found.visible), found.values) == (answer["visible"], answer["values"]), form
