"""What to do about a refusal of GitHub: one sentence behind GitHub's own words, or none where they say it all.

Sources: GitHub's REST documentation on scopes (``X-OAuth-Scopes``, ``X-Accepted-OAuth-Scopes``), fine-grained
permissions (``X-Accepted-GitHub-Permissions``) and single sign-on (``X-GitHub-SSO``), and the words of its answers.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus

from backstage_py.integrations.advice import by_words

_SSO = re.compile(r"required;\s*url=(\S+)")
_REFUSALS = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
_BY_WORDS = (
    (
        r"name already exists on this account",
        "Choose another name, or have that repository renamed or deleted; it was not made by this task",
    ),
    (r"was archived so is read-only", "Have the repository unarchived, or choose another one"),
    (
        r"protected branch|must be made through a pull request|Repository rule violations|is protected",
        "A rule protects the branch: use publish:github:pull-request, or let the token's owner bypass the rule",
    ),
    (r"Upgrade to GitHub|upgrade your plan", "The plan of the owner does not have this; upgrade it, or leave this out"),
    (
        r"Resource not accessible by integration",
        "Give the GitHub App this permission, and have the owner accept it for the installation",
    ),
    (
        r"Resource not accessible by personal access token",
        "Give the fine-grained token access to this repository and permission, or have the owner approve the token",
    ),
    (r"pull request already exists", "Set 'update' to commit to it, or choose another branchName"),
    (r"Reference already exists", "Choose another branchName, or set 'update' to commit to the branch"),
    (r"Reference does not exist|Branch not found", "Push the branch first, or correct its name"),
    (r"Git Repository is empty", "Push a first commit first, for instance with github:repo:push"),
    (r"No commits between", "The files are as on the branch that is proposed to; change something first"),
    (r"key is already in use", "A deploy key belongs to one repository: make a new pair of keys"),
    (r"Hook already exists", "The repository has this webhook already; leave the step out, or choose another URL"),
    (r"already.exists|must be unique", "Choose another name, or remove the one that is there"),
)


def advice(status: int, message: str, headers: Mapping[str, str]) -> str:
    """Return what to do about a refusal, empty when nothing is known.

    Args:
        status: of the answer.
        message: GitHub's words.
        headers: of the answer, with names in lower case.
    """
    if status == HTTPStatus.UNAUTHORIZED:
        return "The token is wrong, expired or revoked: renew it in the integration's configuration, or sign in again"
    if status in _REFUSALS and (said := _about_the_token(headers)):
        return said
    if found := by_words(_BY_WORDS, message):
        return found
    if status == HTTPStatus.NOT_FOUND:
        return (
            "It does not exist, or the token may not see it: check the names, and that the token has access to the "
            "repository or organization"
        )
    return ""


def _about_the_token(headers: Mapping[str, str]) -> str:
    if found := _SSO.search(headers.get("x-github-sso", "")):
        return f"The organization wants single sign-on: authorize the token at {found[1]}"
    accepted, has = _names(headers.get("x-accepted-oauth-scopes")), _names(headers.get("x-oauth-scopes"))
    if "x-oauth-scopes" in headers and accepted and not accepted & _implied(has):
        missing = " or ".join(f"'{one}'" for one in sorted(accepted))
        return f"The token lacks the scope {missing}; it has {', '.join(sorted(has)) or 'none'}"
    if permissions := headers.get("x-accepted-github-permissions", "").strip():
        return f"The token needs the permission {' or '.join(part.strip() for part in permissions.split(';'))}"
    return ""


def _names(text: str | None) -> set[str]:
    return {name.strip() for name in (text or "").split(",") if name.strip()}


def _implied(scopes: set[str]) -> set[str]:
    """Return scopes with those that they include: ``admin:org`` has ``write:org`` and ``read:org``."""
    found = set(scopes)
    for scope in scopes:
        level, _, what = scope.partition(":")
        found |= {f"{lesser}:{what}" for lesser in {"admin": ("write", "read"), "write": ("read",)}.get(level, ())}
    if "repo" in scopes:
        found |= {"repo:status", "repo_deployment", "public_repo", "repo:invite", "security_events"}
    return found
