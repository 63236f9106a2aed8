"""BPY2, second part: where repositories are, written as Backstage writes it."""

import re
from collections.abc import Iterator

from backstage_py.lint.rule import Finding, Path, rule
from backstage_py.lint.view import Template

_STEP = "steps:\n  - id: pr\n    action: publish:github\n    input:\n      repoUrl: "
_EXPRESSION = re.compile(r"\$\{\{.*?\}\}", re.DOTALL)
_FAMILIES = re.compile(r"(?:publish:)?(github|gitlab|azure|bitbucketCloud|bitbucketServer|gitea|gerrit)\b")
_EXAMPLE = "Write it as HOST?owner=OWNER&repo=REPO"


@rule(
    "BPY211",
    "bad-repo-url",
    "error",
    "template",
    summary="`repoUrl` is not written as HOST?owner=OWNER&repo=REPO.",
    why="The step fails: `Invalid repo URL passed to publisher`. It is no address for a browser; the field "
    "RepoUrlPicker gives one as it has to be.",
    bad=_STEP + "https://github.com/acme/shop\n",
    good=_STEP + "github.com?owner=acme&repo=shop\n",
)
def bad_repo_url(template: Template) -> Iterator[Finding]:
    """Of the actions of git hosts; what expressions give is not known, and taken for good."""
    for step in template.steps:
        given = step.input.get("repoUrl")
        family = _FAMILIES.match(step.action or "")
        if family and isinstance(given, str) and given.strip():
            path: Path = (*step.path, "input", "repoUrl")
            found = list(_wrong(given, family[1], path))
            yield from found
            named = {one.partition("=")[0] for one in _EXPRESSION.sub("x", given).partition("?")[2].split("&")}
            if step.action == "publish:azure" and not found and "=" in given and not {"organization", "x"} & named:
                fix = "Write it as HOST?organization=ORGANIZATION&project=PROJECT&repo=REPO"
                yield Finding("publish:azure needs an organization in repoUrl", path, fix=fix)


def _wrong(given: str, family: str, path: Path) -> Iterator[Finding]:
    """What the parser of such texts says, with ``x`` for what each expression gives."""
    text = _EXPRESSION.sub("x", given.strip())
    host, mark, query = text.partition("?")
    if host == "x" and not mark:
        return
    if "://" in host or not mark:  # a path between the host and the question mark is passed over
        yield Finding("repoUrl is no HOST?owner=OWNER&repo=REPO", path, fix=_EXAMPLE)
    elif "x" not in query.split("&"):  # an expression may give whole parameters
        from backstage_py.templating import engine  # takes its time, and few templates need it

        try:
            engine.parse_repo_url(text, lambda _: family)
        except ValueError as error:
            yield Finding(str(error), path, fix=_EXAMPLE)
