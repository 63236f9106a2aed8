"""Templates and contexts to compare engines on: mostly meaningful, sometimes wrong in the ways people are."""

from hypothesis import strategies as st

from backstage_py.model.json import Json

CONTEXTS: list[dict[str, Json]] = [
    {
        "name": "demo-App",
        "text": 'Hello  <b>wörld</b>, it\'s "1"\nsecond line\n',
        "empty": "",
        "emoji": "a😀b",
        "number": 42,
        "ratio": -1.5,
        "zero": 0,
        "yes": True,
        "no": False,
        "nothing": None,
        "items": [3, 1, 2],
        "words": ["b", "A", "c", "a"],
        "hollow": [],
        "nested": {"a": {"b": [1, {"c": "deep"}]}, "length": 7, "x-y": "dash", "": "blank"},
        "users": [
            {"name": "bob", "age": 30, "admin": True, "tags": ["x"]},
            {"name": "Al", "age": 4, "admin": False, "tags": []},
            {"name": "cy", "age": 30, "tags": None},
        ],
        "pairs": [["k", 1], ["l", 2], ["m"]],
        "repoUrl": "github.com?owner=acme&repo=shop",
        "owner": "group:default/team-a",
        "values": {"name": "svc", "port": 8080, "owner": "user:x/y", "flags": {"z": True, "1": "one", "0": "nil"}},
    },
    {
        "name": None,
        "items": "abc",
        "users": {"k": {"name": "v"}},
        "number": "7",
        "values": [1, "1", None, [2]],
    },
]


def _one_of(choices: str) -> st.SearchStrategy[str]:
    return st.sampled_from(choices.split(" ¦ "))


NAMES = _one_of(
    "name ¦ text ¦ empty ¦ emoji ¦ number ¦ ratio ¦ zero ¦ yes ¦ no ¦ nothing ¦ items ¦ words ¦ hollow ¦ "
    "nested ¦ users ¦ pairs ¦ repoUrl ¦ owner ¦ values ¦ missing ¦ x ¦ i ¦ loop"
)
LITERALS = _one_of(
    "1 ¦ 0 ¦ 2.5 ¦ 100 ¦ 1e3 ¦ '' ¦ 'a' ¦ \"b c\" ¦ '<i>' ¦ 'a,b,c' ¦ 'x\\ny' ¦ true ¦ false ¦ none ¦ "
    "null ¦ [] ¦ [1, 2, 3] ¦ ['b', 'a'] ¦ {} ¦ {a: 1} ¦ {'k': 'v', b: [1]} ¦ /a+/ ¦ /[A-Z]/g ¦ /(b)|c/gi ¦ "
    "(1, 2) ¦ '😀é' ¦ '1' ¦ ' pad ' ¦ -1 ¦ undefined ¦ 'github.com?owner=o&repo=r' ¦ 'a-b_c d'"
)
MEMBERS = _one_of(
    ".name ¦ .length ¦ .a ¦ .a.b ¦ ['x-y'] ¦ [0] ¦ [1].c ¦ [-1] ¦ .missing ¦ .a.missing.deeper ¦ "
    "['length'] ¦ [1:] ¦ [:2] ¦ [::2] ¦ [1:2] ¦ [name] ¦ .age ¦ .flags ¦ .constructor ¦ .__proto__ ¦ "
    "['' ] ¦ .0"
)
CALLS = _one_of(
    ".split(',') ¦ .split('') ¦ .trim() ¦ .toUpperCase() ¦ .toLowerCase() ¦ .startsWith('a') ¦ "
    ".endsWith('c') ¦ .includes('b') ¦ .indexOf('b') ¦ .slice(1) ¦ .slice(-2) ¦ .slice(0, 2) ¦ "
    ".substring(1, 3) ¦ .concat('z') ¦ .replace('a', 'Z') ¦ .replace(/[a-z]/g, '$&$&') ¦ .charAt(1) ¦ "
    ".charCodeAt(0) ¦ .join('-') ¦ .reverse() ¦ .sort() ¦ .push(9) ¦ .pop() ¦ .shift() ¦ .at(-1) ¦ "
    ".flat() ¦ .toFixed(2) ¦ .toString() ¦ .toString(2) ¦ .toPrecision(3) ¦ .replaceAll('a', 'b') ¦ "
    ".test('ab') ¦ .trimStart() ¦ .lastIndexOf('a') ¦ .unshift(0) ¦ .splice(0, 1) ¦ .map(x) ¦ .keys() ¦ "
    ".missing() ¦ .concat([5]) ¦ .fill(0) ¦ .get('a') ¦ .items()"
)
FILTERS = _one_of(
    "upper ¦ lower ¦ title ¦ capitalize ¦ trim ¦ length ¦ first ¦ last ¦ reverse ¦ sort ¦ join ¦ "
    "join(', ') ¦ dump ¦ dump(2) ¦ dump | safe ¦ default('d') ¦ default('d', true) ¦ d('e') ¦ int ¦ float ¦ "
    "abs ¦ round ¦ round(1) ¦ round(1, 'floor') ¦ replace('a', 'b') ¦ replace('a', 'b', 1) ¦ "
    "replace(/a/g, 'x') ¦ indent ¦ indent(2) ¦ indent(2, true) ¦ escape ¦ e ¦ safe ¦ string ¦ list ¦ sum ¦ "
    "sum('age') ¦ batch(2) ¦ slice(2) ¦ groupby('age') ¦ groupby('age') | dump ¦ select ¦ reject ¦ "
    "selectattr('admin') ¦ wordcount ¦ rejectattr('admin') ¦ select('odd') ¦ reject('even') ¦ dictsort ¦ "
    "dictsort | dump ¦ truncate(5) ¦ nl2br ¦ truncate(8, true) ¦ truncate(5, false, '!') ¦ center(12) ¦ "
    "striptags ¦ urlencode ¦ urlize ¦ join('-', 'name') ¦ sort(true) ¦ sort(false, true) ¦ "
    "sort(attribute='name') ¦ forceescape ¦ int(7) ¦ float(1.5) ¦ nosuch ¦ parseRepoUrl ¦ parseEntityRef ¦ "
    "parseEntityRef({defaultKind: 'user'}) ¦ pick('repo') ¦ pick('a.b[1].c') ¦ projectSlug ¦ "
    "batch(2, 'x') ¦ batch(2) | dump ¦ length | string ¦ sort(true, false, 'age') | dump"
)
TESTS = _one_of(
    "defined ¦ undefined ¦ none ¦ null ¦ string ¦ number ¦ odd ¦ even ¦ divisibleby(3) ¦ eq(1) ¦ "
    "sameas(1) ¦ gt(1) ¦ lt('b') ¦ ge(2) ¦ le(2) ¦ ne(1) ¦ iterable ¦ mapping ¦ lower ¦ upper ¦ truthy ¦ "
    "falsy ¦ escaped ¦ equalto('a') ¦ greaterthan(0) ¦ lessthan(50) ¦ callable ¦ nosuch"
)
OPERATORS = _one_of("+ ¦ - ¦ * ¦ / ¦ // ¦ % ¦ ** ¦ ~ ¦ == ¦ != ¦ === ¦ !== ¦ < ¦ <= ¦ > ¦ >= ¦ and ¦ or ¦ in ¦ not in")
TEXT = st.sampled_from(
    ["text", " ", "\n", "  \n", "<b>", "a: ", "\r\n", "# x\n", "$", "{", "}}", "é😀", "\t", "${", "%}", '"']
)
TARGETS = st.sampled_from(["x", "i", "k, v", "a, b, c"])


@st.composite
def expressions(draw: st.DrawFn, depth: int = 0) -> str:
    kind = draw(st.integers(0, 15 if depth < 3 else 4))
    if kind < 3:
        return draw(NAMES)
    if kind < 5:
        return draw(LITERALS)
    inner = draw(expressions(depth + 1))
    if kind < 8:
        return f"{inner} | {draw(FILTERS)}"
    if kind < 10:
        return f"{inner if inner.isidentifier() else f'({inner})'}{draw(st.one_of(MEMBERS, CALLS))}"
    other = draw(expressions(depth + 2))
    if kind < 13:
        return f"{inner} {draw(OPERATORS)} {other}"
    if kind == 13:
        return draw(st.sampled_from([f"not {inner}", f"-{inner}", f"+{inner}", f"({inner})", f"[{inner}, {other}]"]))
    if kind == 14:
        return f"{inner} is {draw(st.sampled_from(['', 'not ']))}{draw(TESTS)}"
    last = draw(st.sampled_from(["", f" else {other}"]))
    calls = ["range(3)", "range(1, 9, 3)", "always()", "failure()", "cycler('a', 'b').next()", "joiner()()"]
    return draw(st.sampled_from([f"{inner} if {other}{last}", f"{{k: {inner}}}", *calls]))


@st.composite
def tags(draw: st.DrawFn, body: str) -> str:
    left, right = draw(st.sampled_from([("{%", "%}"), ("{%", "%}"), ("{%-", "%}"), ("{%", "-%}")]))
    return f"{left} {body} {right}"


@st.composite
def statements(draw: st.DrawFn, depth: int) -> str:
    one, two = draw(expressions(1)), draw(expressions(2))
    first, second = draw(bodies(depth + 1)), draw(bodies(depth + 1))
    target = draw(TARGETS)
    loop = draw(st.sampled_from(["", "${{ loop.index }}", "${{ loop.last }}", "${{ loop.length - loop.revindex0 }}"]))
    shapes = [
        ("if", [f"if {one}", first, "endif"]),
        ("else", [f"if {one}", first, f"elif {two}", second, "else", "z", "endif"]),
        ("elseif", [f"if {one}", first, f"elseif {two}", second, "endif"]),
        ("for", [f"for {target} in {one}", f"{first}${{{{ x }}}}{loop}", "endfor"]),
        ("empty", [f"for {target} in {one}", f"${{{{ k }}}}={loop}", "else", second, "endfor"]),
        ("set", [f"set x = {one}", "${{ x }}" + first]),
        ("sets", [f"set x, i = {one}", "${{ x }}${{ i }}"]),
        ("capture", ["set x", first, "endset", "${{ x }}${{ x | length }}"]),
        ("macro", [f"macro m(a, b={two})", "(${{ a }},${{ b }})" + first, "endmacro", f"${{{{ m({one}) }}}}"]),
        ("named", [f"macro m(a, b={two})", "(${{ a }},${{ b }})", "endmacro", "${{ m(1, b=2) }}${{ m(b=3) }}"]),
        ("call", ["macro m(a)", "<${{ caller(a) }}>", "endmacro", "", f"call(y) m({one})", "${{ y }}", "endcall"]),
        ("filter", [f"filter {draw(FILTERS)}", first, "endfilter"]),
        ("switch", [f"switch {one}", "", f"case {two}", first, "default", second, "endswitch"]),
        ("raw", ["raw", "${{ a }}{% if %}", "endraw"]),
        ("verbatim", ["verbatim", "{# x #}", "endverbatim"]),
    ]
    _, parts = draw(st.sampled_from(shapes))
    return "".join(draw(tags(part)) if n % 2 == 0 and part else part for n, part in enumerate(parts))


@st.composite
def interpolations(draw: st.DrawFn) -> str:
    left, right = draw(st.sampled_from([("${{", "}}"), ("${{", "}}"), ("${{", "}}"), ("${{-", "}}"), ("${{", "-}}")]))
    return f"{left} {draw(expressions())} {right}"


@st.composite
def bodies(draw: st.DrawFn, depth: int = 0) -> str:
    parts = []
    for _ in range(draw(st.integers(1, 2 if depth else 4))):
        kind = draw(st.integers(0, 9))
        if kind < 4:
            parts.append(draw(interpolations()))
        elif kind < 7 or depth > 1:
            parts.append(draw(TEXT))
        elif kind == 7:
            parts.append(draw(st.sampled_from(["{# c #}", "{#- c -#}", "{# ${{ x }}\n#}\n"])))
        else:
            parts.append(draw(statements(depth)))
    return "".join(parts)


@st.composite
def values(draw: st.DrawFn) -> str:
    """What stands in a template's YAML: most often one expression and nothing else."""
    if draw(st.integers(0, 3)):
        return f"${{{{ {draw(expressions())} }}}}"
    return draw(bodies())


OUTPUTS = _one_of(
    'true ¦ false ¦ 5 ¦ -0 ¦ 007 ¦ 1e3 ¦ 1e999 ¦ null ¦ [1, 2 ¦ ] ¦ {"a": 1} ¦ {"a": ¦ } ¦ "x" ¦ " ¦ NaN ¦ '
    'Infinity ¦ 12345678901234567890 ¦ 0.10 ¦ tru ¦ [{}, ¦ , ¦ {"1": 2, "a": [null], "0": 1} ¦ \\ud83d ¦ '
    '"\\ud83d" ¦ {"__proto__": 1} ¦ {"constructor": 1} ¦ [[[1]]]'
)


@st.composite
def tags_alone(draw: st.DrawFn) -> str:
    """What stands in a template's YAML as one block, whose output may be JSON."""
    parts = [draw(st.one_of(OUTPUTS, OUTPUTS, interpolations(), TEXT)) for _ in range(draw(st.integers(0, 3)))]
    other = draw(OUTPUTS)
    condition, body = draw(st.sampled_from(["true", "x", "name", "missing"])), "".join(parts)
    around = draw(st.sampled_from(["", "", "", "", " ", "{# c #}", "\n"]))
    shapes = [
        f"{{% if {condition} %}}{body}{{% endif %}}",
        f"{{% if {condition} %}}{body}{{% else %}}{other}{{% endif %}}",
        f"{{% for i in [1, 2] %}}{body}{{% endfor %}}",
        f"{{% for i in items %}}${{{{ i }}}}{{% else %}}{other}{{% endfor %}}",
        f"{{% filter {draw(FILTERS)} %}}{body}{{% endfilter %}}",
        f"{{% switch name %}}{{% case 1 %}}{other}{{% default %}}{body}{{% endswitch %}}",
        f"{{% if {condition} %}}{{% if x %}}{body}{{% endif %}}{other}{{% endif %}}",
        f"{{% raw %}}{body}{{% endraw %}}",
        f"{{% set x %}}{body}{{% endset %}}",
        f"{{% set x = 1 %}}{{% if {condition} %}}{body}{{% endif %}}",
        draw(statements(1)),
        body,
    ]
    return f"{around}{draw(st.sampled_from(shapes))}"


JSON: st.SearchStrategy[Json] = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-1000, 1000), st.floats(-1e6, 1e6), st.text("aB1 <é😀\n-_/", max_size=8)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["a", "b", "name", "1", "x-y"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def contexts(draw: st.DrawFn) -> dict[str, Json]:
    base = draw(st.sampled_from(CONTEXTS))
    changes = draw(st.dictionaries(st.sampled_from(["x", "name", "items", "number", "users"]), JSON, max_size=2))
    return {**base, **changes}


OPTIONS = st.sampled_from(
    [{}, {}, {"trimBlocks": True}, {"lstripBlocks": True}, {"trimBlocks": True, "lstripBlocks": True}]
)
