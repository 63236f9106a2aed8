"""Schemas and values to compare validators on: mostly meaningful, sometimes wrong in the ways people are."""

from collections.abc import Callable

from hypothesis import strategies as st

from backstage_py.model.json import Json


def _one_of(choices: str) -> st.SearchStrategy[str]:
    return st.sampled_from(choices.split(" ¦ "))


NAMES = st.sampled_from(["a", "b", "c", "ab", "c d", "x.y", "1", "10", "0", "é", "$id", "length"])
ODD_NAMES = st.sampled_from(["toString", "constructor", "hasOwnProperty", "a/b", "a~b", "", "[0]", "%", "\u00a0"])
TEXTS = st.sampled_from(
    [
        "",
        "a",
        "b",
        "ab",
        "abc",
        "a b",
        "1",
        "0",
        "1.5",
        "A\n",
        "é😀",
        "😀😀",
        "true",
        "null",
        "a,b",
        "\u00a0",
        " 2 ",
        "x-1",
    ]
)
NUMBERS = st.sampled_from(
    [0, 1, 2, 3, -1, 10, 1.5, 0.1, 0.3, 0.35, 2.5, 1e-7, 1e21, 123456.789, 5e-324, 0.0001, -0.5, 1e16, 4.35]
)
ATOMS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
TYPES = ["string", "number", "integer", "boolean", "array", "object", "null", "any", "date", "unknown"]
ODD_TYPES = ["toString", "hasOwnProperty", "isPrototypeOf", "valueOf", "__proto__", "__defineGetter__", ""]
PATTERNS = ["^a", "b$", "^[a-z]+$", "[0-9]", "^\\w+$", ".", "^.{2,3}$", "\\s", "(?!a)b", "^(?:a|b)*$", "\\u0061", "é"]
ODD_PATTERNS = [
    "(",
    ")",
    "[a",
    "*",
    "a{2,1}",
    "\\",
    "[b-a]",
    "(?<n>",
    "(?x)",
    "a**",
    "(?<n>a)(?<n>b)",
    "\\k<n>",
    "{",
    "\\-",
]
FORMATS: dict[str, list[str]] = {
    "date-time": ["2020-01-01T00:00:00Z", "2020-13-01T00:00:00Z", "2020-01-01 24:59:60.5+01:00", "2020-01-01T00:00Z"],
    "date": ["2020-00-31", "2020-02-30", "2020-1-1", "20200101"],
    "time": ["24:00:00", "23:59:60", "1:00:00", "12:00:61"],
    "duration": ["P1D", "PT1H30M", "P", "xP1Wx", "PT", "p1y2m", "P1Y1D", "PT1H1S"],
    "email": ["a@b.c", "a@b", "a.b+c@x-y.org", "a@[1.2.3.4]", "a@-b.c", "@", "a@b.c-", "a..b@c.d", "a@b.c\n"],
    "idn-email": ["é@ü.de", '"a b"@c', "a@[x]", "a b@c", "a@", '"\\ "@d', "a.@b"],
    "ip-address": ["1.2.3.4", "256.1.1.1", "01.02.03.004", "1.2.3", "1.2.3.4.5"],
    "ipv4": ["255.255.255.255", "1.2.3.4 "],
    "ipv6": [
        "::1",
        "1::",
        " 1:2:3:4:5:6:7:8 ",
        "::1%eth0",
        "1:2:3:4:5:6:7::",
        "::ffff:1.2.3.4",
        "12345::",
        "::%",
        ":::",
    ],
    "uri": ["http://x", "a:", "a b:c", "x:y z", "x:\u00a0", "1:a", "x:\x1c"],
    "uri-reference": [
        "",
        "a",
        "#",
        "a b",
        "/x/y?z#w",
        "http://[::1]:8/",
        "//h:x",
        "%4",
        "%41",
        "a:b",
        "1:b",
        "a#b#c",
        "é",
        "^",
    ],
    "iri": ["é:é", "http://é"],
    "iri-reference": ["é", "/é?ü#ß", "é:é", "[", "\x7f", "http://é/ü"],
    "uuid": ["123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-42661417400G", "x"],
    "uri-template": ["{a}", "{", " "],
    "json-pointer": ["", "/a", "/a~0b", "/~2", "a", "/é", "/\u017f\u212a", "/\x80"],
    "relative-json-pointer": ["1", "0#", "1/a", "/a", "12#x", "1/é"],
    "hostname": ["a", "a.b-c.d", "-a", "a.", "a..b", "a" * 64, ".".join(["a" * 63] * 4), "1"],
    "host-name": ["a_b", "a.b"],
    "utc-millisec": ["1", " 1.0 ", "1.5", "x", "1x", "", "1e3", "0x10", "Infinity", "-0", "+5", "1."],
    "regex": ["a", "(", "[a", "a{2", "\\", "(?<n>a)", "*", "(?<=a)b", "\\1", "[b-a]"],
    "regexp": ["(", "x"],
    "pattern": ["(", "x"],
    "style": ["a:b", "a", ":b", "a: ;", " a:b;"],
    "color": [
        "red",
        "#fff",
        "ffffff",
        "#ffff",
        "rgb(1,2,3)",
        "rgb(256,0,0)",
        "rgb(10%, 20%,100%)",
        "Red",
        "rgb( 01 ,2,3)",
        "fffx",
    ],
    "phone": ["+1234567", "+1 2 3 4 5 6 7", "123", "+12"],
    "alpha": ["abc", "ab1", "é"],
    "alphanumeric": ["ab1", "a b", ""],
    "unknown": ["x"],
    "toString": ["x"],
    "hasOwnProperty": ["date", "x"],
    "isPrototypeOf": ["x"],
    "__lookupGetter__": ["__proto__", "x"],
    "__proto__": ["x"],
}
VALUES_WITH_FORMATS = st.sampled_from([text for texts in FORMATS.values() for text in texts])

REFERENCES = _one_of(
    "# ¦ #/definitions/a ¦ #/definitions/b ¦ #/properties/a ¦ #/nothing ¦ other ¦ #a ¦  ¦ b ¦ #/definitions/c d ¦ "
    "#/definitions/c%20d ¦ http://h/x#/definitions/a ¦ #/definitions/% ¦ #/definitions ¦ #/items/0 ¦ urn:x ¦ /b ¦ "
    "x#/definitions/a ¦ #/toString ¦ #/type/0/x ¦ http://[ ¦ resolve:toString ¦ ?q#/definitions/a ¦ #/a~0b"
)
IDS = st.sampled_from(["a", "b", "#a", "http://h/x", "/b", "urn:x", "http://[", "x?y", "b#", "", 5, {}, ["b"], "c d"])


def values(names: st.SearchStrategy[str] = NAMES) -> st.SearchStrategy[Json]:
    """JSON values of a few levels."""
    return st.recursive(
        st.one_of(ATOMS, VALUES_WITH_FORMATS),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
        max_leaves=8,
    )


VALUES = values()
ANYTHING = values(st.one_of(NAMES, ODD_NAMES))


def _keywords(inner: st.SearchStrategy[Json]) -> dict[str, st.SearchStrategy[Json]]:
    schemas = st.lists(inner, max_size=3)
    by_name = st.dictionaries(NAMES, inner, max_size=3)
    types = st.sampled_from(TYPES)
    count = st.integers(0, 3)
    return {
        "type": types | st.lists(types, max_size=3) | st.lists(types | inner, min_size=1, max_size=3),
        "enum": st.lists(ATOMS, max_size=4),
        "const": values(),
        "required": st.lists(NAMES, max_size=3) | st.just(True),  # a keyword's value
        "properties": by_name,
        "patternProperties": st.dictionaries(st.sampled_from(PATTERNS + ODD_PATTERNS[:3]), inner, max_size=2),
        "additionalProperties": inner | st.booleans(),
        "propertyNames": inner,
        "minProperties": count,
        "maxProperties": count,
        "dependencies": st.dictionaries(NAMES, inner | NAMES | st.lists(NAMES, max_size=2), max_size=2),
        "items": inner | schemas | st.booleans(),
        "additionalItems": inner | st.booleans(),
        "contains": inner,
        "minItems": count,
        "maxItems": count,
        "uniqueItems": st.booleans(),
        "minLength": count,
        "maxLength": count,
        "pattern": st.sampled_from(PATTERNS),
        "format": st.sampled_from(list(FORMATS)),
        "minimum": NUMBERS,
        "maximum": NUMBERS,
        "exclusiveMinimum": NUMBERS | st.booleans(),
        "exclusiveMaximum": NUMBERS | st.booleans(),
        "multipleOf": NUMBERS,
        "divisibleBy": NUMBERS,
        "anyOf": schemas,
        "allOf": schemas,
        "oneOf": schemas,
        "not": inner | types | st.lists(types | inner, max_size=2),
        "disallow": inner | types | st.lists(types | inner, max_size=2),
        "if": inner,
        "then": inner,
        "else": inner,
        "$ref": REFERENCES,
        "$id": IDS,
        "id": IDS,
        "extends": inner | schemas | REFERENCES,
        "definitions": st.dictionaries(st.sampled_from(["a", "b", "c d"]), inner, max_size=2),
        "title": TEXTS,
        "default": ATOMS,
    }


_RARE = {"$ref", "$id", "id", "extends", "divisibleBy", "disallow"}


def _one(names: st.SearchStrategy[str], make: Callable[[str], st.SearchStrategy[Json]]) -> st.SearchStrategy[Json]:
    keyword = names.flatmap(lambda name: st.tuples(st.just(name), make(name)))
    return st.lists(keyword, max_size=4).map(dict)


def schemas(*, hostile: bool = False) -> st.SearchStrategy[Json]:
    """Schemas of npm's `jsonschema`; hostile ones have anything where a keyword expects something."""
    anything = ANYTHING | st.sampled_from(ODD_TYPES + ODD_PATTERNS)

    def level(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
        keywords = _keywords(inner)
        usual = st.sampled_from([name for name in keywords if name not in _RARE])
        rare = st.sampled_from(sorted(_RARE))
        names = st.one_of(usual, usual, usual, usual, rare)
        if not hostile:
            return _one(names, lambda name: keywords[name])
        return _one(names, lambda name: st.one_of(keywords[name], keywords[name], anything))

    leaf: st.SearchStrategy[Json] = st.one_of(
        st.just({}), st.booleans(), st.sampled_from([{"type": name} for name in TYPES])
    )
    if hostile:
        leaf = leaf | anything
    return st.recursive(leaf, level, max_leaves=6)


@st.composite
def formatted(draw: st.DrawFn) -> tuple[Json, str]:
    """A format, and a text that has it, nearly has it, or has another."""
    name = draw(st.sampled_from(list(FORMATS)))
    text = draw(st.sampled_from(FORMATS[name]) | VALUES_WITH_FORMATS)
    if draw(st.booleans()):
        place = draw(st.integers(0, len(text)))
        cut = draw(st.integers(0, 2))
        text = text[:place] + draw(st.text("09afg:/.-+@#%? é\u00a0\n~[]()TZrR,", max_size=2)) + text[place + cut :]
    return {"format": name}, text


@st.composite
def patterned(draw: st.DrawFn) -> tuple[Json, Json]:
    """A pattern, often no regular expression, and a text or an object with names to look at."""
    pattern = draw(st.sampled_from(PATTERNS + ODD_PATTERNS))
    if draw(st.booleans()):
        place = draw(st.integers(0, len(pattern)))
        pattern = pattern[:place] + draw(st.text("ab()[]{}*+?|^$\\.1,-é😀", max_size=2)) + pattern[place:]
    if draw(st.booleans()):
        return {"pattern": pattern}, draw(TEXTS)
    schema = {
        "patternProperties": {pattern: {"type": "string"}, "^b": False},
        "additionalProperties": draw(st.booleans()),
    }
    return schema, draw(st.dictionaries(TEXTS, ATOMS, max_size=3))


AJV_REFERENCES = st.sampled_from(["#/definitions/a", "#/definitions/b", "#", "other", "other#/definitions/a"])


def ajv_schemas() -> st.SearchStrategy[Json]:
    """Schemas with the keywords that `model.ajv` knows, as the entity schemas and OpenAPI documents use them."""

    def level(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
        some = st.lists(inner, min_size=1, max_size=3)
        types = st.sampled_from(["string", "number", "integer", "boolean", "array", "object", "null"])
        count = st.integers(0, 3)
        keywords: dict[str, st.SearchStrategy[Json]] = {
            "type": types | st.lists(types, min_size=1, max_size=3, unique=True),
            "enum": st.lists(ATOMS, min_size=1, max_size=4, unique_by=repr),
            "const": values(),
            "required": st.lists(NAMES, max_size=3, unique=True),
            "properties": st.dictionaries(NAMES, inner, max_size=3),
            "patternProperties": st.dictionaries(st.sampled_from(PATTERNS), inner, max_size=2),
            "additionalProperties": inner | st.booleans(),
            "items": inner,
            "minItems": count,
            "minLength": count,
            "maxLength": count,
            "pattern": st.sampled_from(PATTERNS),
            "minimum": NUMBERS,
            "maximum": NUMBERS,
            "anyOf": some,
            "allOf": some,
            "oneOf": some,
        }
        return _one(st.sampled_from(list(keywords)), lambda name: keywords[name])

    leaf = st.booleans() | st.sampled_from([{"type": name} for name in TYPES[:7]])
    return st.recursive(leaf, level, max_leaves=6)


AJV_SCHEMAS = ajv_schemas()


@st.composite
def ajv_cases(draw: st.DrawFn) -> dict[str, Json]:
    """A schema with definitions, another one that it may name, and a value."""
    reference = st.fixed_dictionaries({"$ref": AJV_REFERENCES})
    schema = draw(AJV_SCHEMAS)
    schema = schema if isinstance(schema, dict) else {"items": schema}
    schema = {
        **schema,
        "definitions": {
            "a": draw(AJV_SCHEMAS),
            "b": {"properties": draw(st.dictionaries(NAMES, reference, max_size=2))},
        },
    }
    other = {"$id": "other", "definitions": {"a": {"type": "object"}, "b": {"minItems": 1}}, "items": draw(reference)}
    if draw(st.booleans()):
        schema = {"properties": {"a": draw(reference)}, "items": draw(reference), **schema}
    if draw(st.booleans()) and isinstance(schema.get("type"), str):
        schema["nullable"] = True
    return {"schema": schema, "others": [other], "value": draw(VALUES)}
