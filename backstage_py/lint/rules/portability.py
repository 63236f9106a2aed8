"""BPY8: what this service runs and stock Backstage does not."""

from collections.abc import Iterator

from backstage_py.lint.rule import Finding, rule
from backstage_py.lint.view import Template

_STOCK_FAMILIES = frozenset(["catalog", "debug", "fetch", "fs", "http", "workspace"])
_MODULES = {
    "publish:azure": "azure",
    "publish:bitbucketCloud": "bitbucket-cloud",
    "publish:bitbucketServer": "bitbucket-server",
    "publish:gerrit": "gerrit",
    "publish:gitea": "gitea",
    "publish:github": "github",
    "publish:gitlab": "gitlab",
    "github:": "github",
    "gitlab:": "gitlab",
    "bitbucket:": "bitbucket-cloud",
    "notification:": "notifications",
    "confluence:": "confluence-to-markdown",
    "sentry:": "sentry",
    "fetch:cookiecutter": "cookiecutter",
    "fetch:rails": "rails",
    "run:yeoman": "yeoman",
}
_REMOVED = {
    "publish:bitbucket": "Use publish:bitbucketCloud or publish:bitbucketServer",
}
_LOG = "steps:\n  - id: log\n    action: debug:log\n    input:\n      message: hello\n"


@rule(
    "BPY801",
    "non-portable-action",
    "info",
    "template",
    summary="The action is written in Python and part of no Backstage package.",
    why="The template runs here, and in a Backstage that takes this service's actions; a stock Backstage does "
    "not know it. "
    "(The example is checked as if a package with the action `acme:greet` were installed.)",
    bad="steps:\n  - id: greet\n    action: acme:greet\n",
    good=_LOG,
)
def non_portable_action(template: Template) -> Iterator[Finding]:
    """Installed actions, and ours whose id no package of Backstage or of the community has."""
    for step in template.steps:
        known = template.action_of(step)
        if known and known.origin in ("builtin", "installed") and not is_portable(known.id):
            yield Finding(f"Stock Backstage has no action {known.id}", (*step.path, "action"))


@rule(
    "BPY802",
    "removed-action",
    "warning",
    "template",
    summary="The action was removed from Backstage.",
    why="The run ends at this step in a Backstage of today.",
    bad="steps:\n  - id: publish\n    action: publish:bitbucket\n    input:\n      repoUrl: "
    "bitbucket.org?workspace=w&project=p&repo=r\n",
    good="steps:\n  - id: publish\n    action: publish:bitbucketCloud\n    input:\n"
    "      repoUrl: bitbucket.org?workspace=w&project=p&repo=r\n",
)
def removed_action(template: Template) -> Iterator[Finding]:
    """Name the successor."""
    for step in template.steps:
        if step.action in _REMOVED:
            yield Finding(
                f"Backstage has no action {step.action} any more", (*step.path, "action"), fix=_REMOVED[step.action]
            )


def is_portable(action_id: str) -> bool:
    """Say whether a package of Backstage or of the community brings the action."""
    from backstage_py.lint.actions import community_ids

    family = action_id.partition(":")[0]
    return (family in _STOCK_FAMILIES) or module_of(action_id) is not None or action_id in community_ids()


def module_of(action_id: str) -> str | None:
    """Return the last part of the name of Backstage's module that brings an action, None for those of the core."""
    return next((module for start, module in _MODULES.items() if action_id.startswith(start)), None)
