"""BPY7: secrets, and the output of a template."""

from collections.abc import Iterator

from backstage_py.lint.fixes import repair
from backstage_py.lint.nearest import misspelled, nearest, slip_of
from backstage_py.lint.placeholders import is_placeholder
from backstage_py.lint.rule import Finding, Path, rule
from backstage_py.lint.syntax import Reference
from backstage_py.lint.view import Template, Use
from backstage_py.model.json import Json
from backstage_py.templating import tree

_ASKING = "secrets:\n  schema:\n    type: object\n    properties:\n      token:\n        type: string\n"
_LOG = "steps:\n  - id: log\n    action: debug:log\n    input:\n      message: "
_PUBLISH = "steps:\n  - id: publish\n    action: publish:github\n    input:\n      repoUrl: github.com?owner=o&repo=r\n"
_WRITERS = frozenset(
    {
        "fetch:template",
        "fetch:template:file",
        "workspace:template",
        "roadiehq:utils:fs:write",
        "roadiehq:utils:fs:append",
    }
)
_OUTPUT_KEYS = frozenset({"links", "text"})
_ENTRY_KEYS = {
    "links": frozenset({"title", "url", "entityRef", "icon", "if"}),
    "text": frozenset({"title", "content", "icon", "default", "if"}),
}
_OTHER_KEYS = {"name": "title", "label": "title"}
_OTHER_TARGETS = {
    "href": "url",
    "link": "url",
    "uri": "url",
    "target": "url",
    "entity": "entityRef",
    "ref": "entityRef",
}
_WELL_KNOWN = frozenset({"USER_OAUTH_TOKEN", "backstageToken"})


@rule(
    "BPY701",
    "secret-logged",
    "warning",
    "template",
    summary="A secret is written to the log.",
    why="Backstage masks the exact value only; any change to it (a part, base64) is readable by everyone who "
    "may see the task.",
    bad=_ASKING + _LOG + "${{ secrets.token }}\n",
    good=_ASKING + _LOG + "hello\n",
)
def secret_logged(template: Template) -> Iterator[Finding]:
    """debug:log with anything below ``secrets`` or ``environment.secrets``."""
    for use in template.uses:
        if use.where != "input" or use.step is None:
            continue
        if template.step_of(use).action == "debug:log":
            for reference in _secrets_of(use):
                yield Finding("This writes a secret to the log", use.path, reference.offsets[0], fix="Remove it")


@rule(
    "BPY702",
    "secret-in-output",
    "warning",
    "template",
    summary="A secret is used where secrets are not known: in the output or in a condition.",
    why="Secrets exist in the `input` of a step only (and in `if` and `each` of a step with `each`). Here it is "
    "undefined; and an output is stored and "
    "shown to everyone who may see the task.",
    bad=_ASKING + _LOG + "hello\noutput:\n  text:\n    - title: Token\n      content: ${{ secrets.token }}\n",
    good=_ASKING + _LOG + "hello\noutput:\n  text:\n    - title: Token\n      content: was used\n",
)
def secret_in_output(template: Template) -> Iterator[Finding]:
    """Looks at output and ``if``."""
    looping = {step.index for step in template.steps if "each" in step.value}
    for use in template.uses:
        if use.where == "output" or (use.where == "if" and use.step not in looping):
            where = "the output" if use.where == "output" else "a condition"
            for reference in _secrets_of(use):
                yield Finding(f"Secrets are not known in {where}", use.path, reference.offsets[0])


@rule(
    "BPY703",
    "secret-in-file",
    "warning",
    "template",
    summary="A secret is handed to an action that writes it into files.",
    why="It would be committed with the files. Put secrets into the repository's own secret store (for GitHub: "
    "the input `secrets`).",
    bad=_ASKING
    + "steps:\n  - id: fetch\n    action: fetch:template\n    input:\n      url: https://example.com/skeleton\n"
    "      values:\n        token: ${{ secrets.token }}\n",
    good=_ASKING
    + "steps:\n  - id: fetch\n    action: fetch:template\n    input:\n      url: https://example.com/skeleton\n"
    "      token: ${{ secrets.token }}\n",
)
def secret_in_file(template: Template) -> Iterator[Finding]:
    """``values`` of fetch steps, and content that is written."""
    for use in template.uses:
        if use.where != "input" or use.step is None or len(use.path) < 5 or use.path[4] not in ("values", "content"):  # noqa: PLR2004  # spec.steps.N.input.name
            continue
        if template.step_of(use).action in _WRITERS:
            for reference in _secrets_of(use):
                yield Finding("This writes a secret into files", use.path, reference.offsets[0])


@rule(
    "BPY704",
    "undeclared-secret",
    "info",
    "template",
    summary="A secret is used that the template does not ask for.",
    why="It is undefined unless the form's own fields or a caller of the API provide it. Declare it below "
    "`spec.secrets.schema`, "
    "or as `secretsKey` of a RepoUrlPicker.",
    bad=_ASKING + "steps:\n  - id: fetch\n    action: fetch:plain\n    input:\n      url: https://example.com/a\n      "
    "token: ${{ secrets.tokn }}\n",
    good=_ASKING
    + "steps:\n  - id: fetch\n    action: fetch:plain\n    input:\n      url: https://example.com/a\n      "
    "token: ${{ secrets.token }}\n",
)
def undeclared_secret(template: Template) -> Iterator[Finding]:
    """A warning where a declared one has nearly the same name."""
    declared = template.form.secrets
    for use in template.uses:
        for reference in use.references():
            if reference.names[0] != "secrets" or len(reference.names) < 2:  # noqa: PLR2004  # secrets.name
                continue
            name = reference.names[1]
            if name in declared or name in _WELL_KNOWN:
                continue
            close = nearest(name, declared)
            yield Finding(
                f'The template does not ask for the secret "{name}"',
                use.path,
                reference.offsets[1],
                fix=f'Did you mean "{close}"?' if close else "Declare it below spec.secrets.schema",
                severity="warning" if close else None,
                repair=repair.member(
                    use.path, use.text, reference, 1, close, sure=misspelled(name, declared) is not None
                ),
            )


@rule(
    "BPY711",
    "link-without-target",
    "warning",
    "template",
    summary="A link of the output has neither `url` nor `entityRef`.",
    why="The page of the finished task shows a link that leads nowhere.",
    bad=_PUBLISH + "output:\n  links:\n    - title: Repository\n",
    good=_PUBLISH + "output:\n  links:\n    - title: Repository\n      url: ${{ steps.publish.output.remoteUrl }}\n",
)
def link_without_target(template: Template) -> Iterator[Finding]:
    """A target that is empty counts as none."""
    output = template.spec.get("output")
    links = output.get("links") if isinstance(output, dict) else None
    for index, link in enumerate(links if isinstance(links, list) else ()):
        if isinstance(link, dict) and not link.get("url") and not link.get("entityRef"):
            wrong, close = next(
                (
                    (key, near)
                    for key in link
                    if key not in ("title", "icon", "if")
                    and (
                        near := _OTHER_TARGETS.get(str(key))
                        or slip_of(str(key), ("url", "entityRef"), link, shortest=3)
                        or nearest(str(key), ("url", "entityRef"))
                    )
                ),
                ("", None),
            )
            yield Finding(
                "This link has no target",
                ("spec", "output", "links", index, wrong) if close else ("spec", "output", "links", index),
                on_key=close is not None,
                fix=f'Did you mean "{close}"?' if close else "Add url or entityRef",
                repair=repair.rename(
                    ("spec", "output", "links", index, wrong),
                    close,
                    sure=misspelled(str(wrong), ("url", "entityRef")) is not None,
                ),
            )


@rule(
    "BPY713",
    "misspelled-output-key",
    "warning",
    "template",
    summary="A key of the output, or of a link or text in it, is a misspelling, or `default` is no boolean.",
    why="The page of the finished task shows nothing for it.",
    bad=_PUBLISH + "output:\n  links:\n    - titel: Repository\n      url: https://example.com\n",
    good=_PUBLISH + "output:\n  links:\n    - title: Repository\n      url: https://example.com\n",
)
def misspelled_output_key(template: Template) -> Iterator[Finding]:
    """An output may have values of one's own, so only what is surely a misspelling."""
    output = template.spec.get("output")
    if not isinstance(output, dict) or is_placeholder(output):
        return
    places: list[tuple[Json, Path, frozenset[str]]] = [(output, ("spec", "output"), _OUTPUT_KEYS)]
    for name, known in _ENTRY_KEYS.items():
        entries = output.get(name)
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            places.append((entry, ("spec", "output", name, index), known))
    for value, path, known in places:
        chosen = value.get("default") if isinstance(value, dict) and known is _ENTRY_KEYS["text"] else None
        if isinstance(chosen, str) and not tree.has_code(chosen):
            yield Finding("default must be true or false", (*path, "default"), fix="Write true or false without quotes")
        for key in value if isinstance(value, dict) else ():
            meant = key not in known and (known is not _OUTPUT_KEYS or isinstance(value[key], list))
            close = (_OTHER_KEYS.get(str(key)) or slip_of(str(key), known, value)) if meant else None
            close = close if close in known and close not in value else None
            if close and close not in ("url", "entityRef", "content"):  # whose absence has rules of its own
                message, place = f'There is no "{key}" in an output', (*path, key)
                mended = repair.rename(place, close)
                yield Finding(message, place, on_key=True, fix=f'Did you mean "{close}"?', repair=mended)


@rule(
    "BPY712",
    "text-without-content",
    "warning",
    "template",
    summary="A text of the output has no `content`.",
    why="The page of the finished task leaves it out.",
    bad=_PUBLISH + "output:\n  text:\n    - title: Done\n      text: The repository is there.\n",
    good=_PUBLISH + "output:\n  text:\n    - title: Done\n      content: The repository is there.\n",
)
def text_without_content(template: Template) -> Iterator[Finding]:
    """A content that renders to nothing is accepted."""
    output = template.spec.get("output")
    texts = output.get("text") if isinstance(output, dict) else None
    for index, text in enumerate(texts if isinstance(texts, list) else ()):
        if isinstance(text, dict) and "content" not in text and not is_placeholder(text):
            given = next((key for key in ("text", "description", "body", "value", "message") if key in text), None)
            given = given or next((str(key) for key in text if slip_of(str(key), ("content",), text)), None)
            where: Path = ("spec", "output", "text", index)
            yield Finding(
                "This text has no content",
                (*where, given) if given else where,
                on_key=given is not None,
                fix=f'Write "content" for "{given}"' if given else "Add content",
                repair=repair.rename((*where, given or ""), given and "content"),
            )


def _secrets_of(use: Use) -> Iterator[Reference]:
    for reference in use.references():
        if reference.names[0] == "secrets" or reference.names[:2] == ("environment", "secrets"):
            yield reference
