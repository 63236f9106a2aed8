"""Documentation of each filter, with an example whose result is computed when it is shown."""

DOCS: dict[str, tuple[str, str]] = {
    "abs": ("The number without its sign.", "-3 | abs"),
    "batch": ("A list cut into lists of the given length.", "[1, 2, 3] | batch(2) | dump"),
    "capitalize": ("The first letter large, the rest small.", "'hello WORLD' | capitalize"),
    "center": ("The text in the middle of the given width.", "('a' | center(5)) | dump"),
    "d": ("Short for default.", "missing | d('none')"),
    "default": (
        "Another value where this one is undefined; with true as second argument, where it is falsy.",
        "missing | default('none')",
    ),
    "dictsort": ("Pairs of key and value, sorted.", "{b: 1, a: 2} | dictsort | dump"),
    "dump": ("The value as JSON; with a number, indented by it.", "{a: [1, true]} | dump"),
    "e": ("Short for escape.", "'<b>' | e"),
    "escape": ("The text with the special characters of HTML escaped.", "'<b>' | escape"),
    "first": ("The first item of a list.", "[1, 2] | first"),
    "float": ("The number that a text begins with, or the argument.", "'1.5' | float"),
    "forceescape": ("Escapes even what is marked as safe.", "'<b>' | safe | forceescape"),
    "groupby": ("Items of a list by one of their members.", "[{k: 'a', v: 1}, {k: 'a', v: 2}] | groupby('k') | dump"),
    "indent": ("All lines but the first indented, by 4 or the given number.", "('a\\nb' | indent(2)) | dump"),
    "int": ("The whole number that a text begins with, or the argument.", "'42px' | int"),
    "join": ("The items of a list as one text, with a separator and perhaps a member's name.", "[1, 2] | join('-')"),
    "last": ("The last item of a list.", "[1, 2] | last"),
    "length": ("How many characters, items or members there are.", "'hello' | length"),
    "list": ("The characters of a text, or the members of an object, as a list.", "'ab' | list | dump"),
    "lower": ("Small letters.", "'HELLO' | lower"),
    "nl2br": ("Line breaks as <br />.", "'a\\nb' | nl2br | dump"),
    "random": ("Any item of a list.", "['only'] | random"),
    "reject": ("The items for which a test does not hold.", "[0, 1, 2] | reject('odd') | dump"),
    "rejectattr": ("The items whose member is falsy.", "[{a: 0}, {a: 1}] | rejectattr('a') | dump"),
    "replace": ("Each occurrence of a text replaced, or the given number of them.", "'a-b-c' | replace('-', '_')"),
    "reverse": ("A text or list backwards.", "'abc' | reverse"),
    "round": ("The number rounded to the given digits.", "2.345 | round(1)"),
    "safe": ("Marks a text as not to be escaped.", "'<b>' | safe"),
    "select": ("The items for which a test holds.", "[0, 1, 2] | select('odd') | dump"),
    "selectattr": ("The items whose member is truthy.", "[{a: 0}, {a: 1}] | selectattr('a') | dump"),
    "slice": ("A list cut into the given number of lists.", "[1, 2, 3] | slice(2) | dump"),
    "sort": ("A list in order: reversed, by case, by a member.", "['b', 'a'] | sort | join"),
    "string": ("The value as text.", "5 | string"),
    "striptags": ("The text without tags of HTML.", "'<b>x</b>' | striptags"),
    "sum": ("The sum of a list of numbers, or of a member.", "[1, 2] | sum"),
    "title": ("Each word with a large first letter.", "'hello world' | title"),
    "trim": ("The text without white space at its ends.", "'  a ' | trim"),
    "truncate": ("The text cut to the given length.", "'hello world' | truncate(8)"),
    "upper": ("Large letters.", "'hello' | upper"),
    "urlencode": ("The text as part of a URL.", "'a b&c' | urlencode"),
    "urlize": ("Addresses in the text as links of HTML.", "'example.com' | urlize"),
    "wordcount": ("How many words there are.", "'two words' | wordcount"),
}


def shown_example(name: str) -> str:
    """Return an example of a filter with its result, as lines of a template."""
    from backstage_py.templating import engine

    expression = DOCS[name][1]
    source = f"${{{{ {expression} }}}}"
    result = engine.backstage_renderer(engine.default_integrations, {}, {}).render(source, {})
    return f"{source}   {{# {result} #}}"
