"""What to do about a refusal of GitLab: one sentence behind GitLab's own words, or none where they say it all.

Sources: GitLab's REST documentation on authentication, scopes (``insufficient_scope``) and status codes, and the
words of its answers.
"""

from http import HTTPStatus

from backstage_py.integrations.advice import by_words
from backstage_py.model.json import Json

_BY_WORDS = (
    (r"SAML|single sign.?on|SSO", "The group wants single sign-on: sign in to GitLab with it, and use a token of then"),
    (
        r"has already been taken",
        "Choose another name, or have the one that is there renamed or deleted; it was not made by this task",
    ),
    (r"still being deleted|pending.delet", "GitLab is still deleting what had the name; wait, or choose another"),
    (
        r"protected branch|not allowed to (?:push|create)",
        "A rule protects the branch: use publish:gitlab:merge-request, or let the token's owner push to it",
    ),
    (r"Branch already exists", "Choose another branchName"),
    (r"Invalid reference name", "Push the branch that it starts from first, or correct its name"),
    (r"Another open merge request", "Choose another branchName, or have that merge request merged or closed"),
    (r"edit files when you are on a branch", "Push a first commit first, for instance with publish:gitlab"),
    (r"archived", "Have the project unarchived, or choose another one"),
    (r"limit reached|Projects limit", "Have the owner's limit raised, or choose another owner"),
)


def advice(status: int, message: str, data: Json) -> str:
    """Return what to do about a refusal, empty when nothing is known.

    Args:
        status: of the answer.
        message: GitLab's words.
        data: the answer's JSON.
    """
    said = data if isinstance(data, dict) else {}
    if status == HTTPStatus.UNAUTHORIZED:
        return "The token is wrong, expired or revoked: renew it in the integration's configuration, or sign in again"
    if said.get("error") == "insufficient_scope":
        return f"The token lacks the scope {said['scope']!r}" if said.get("scope") else "The token lacks a scope"
    if found := by_words(_BY_WORDS, message):
        return found
    if status == HTTPStatus.FORBIDDEN:
        return "The token's owner needs a higher role in the group or project, such as maintainer"
    if status == HTTPStatus.NOT_FOUND:
        return (
            "It does not exist, or the token may not see it: check the names, and that the token has access to the "
            "project or group"
        )
    return ""
