"""What to do about a push that a host refuses: one sentence behind the host's own words.

Sources: the words of GitHub's, GitLab's and Gerrit's answers to pushes, as their documentation quotes them.
"""

from backstage_py.integrations.advice import by_words

_BY_WORDS = (
    (
        r"without `?workflow`? scope",
        "Give the token the scope 'workflow': without it GitHub takes no files of .github/workflows",
    ),
    (
        r"without `?workflows`? permission",
        "Give the GitHub App the permission 'workflows', and have the owner accept it",
    ),
    (
        r"push protection|contain secrets",
        "Take the secret out of the files, and give it to the repository as a secret instead",
    ),
    (
        r"GH001|file size limit|larger than .*(?:MB|MiB)",
        "A file is too large for the host: give it to Git LFS in .gitattributes",
    ),
    (
        r"protected branch|GH006|GH013|repository rule",
        "A rule protects the branch: let the token's owner bypass it, or propose the files by a pull or merge request",
    ),
    (r"missing Change-Id", "Gerrit wants a Change-Id in each commit"),
    (
        r"prohibited by Gerrit|not permitted: create",
        "Let the integration's user have 'Push' and 'Create Reference' for this ref in the project's access",
    ),
    (r"no new changes", "Gerrit has this change already"),
    (r"hook declined|remote rejected", "The rules of the host refuse what is pushed"),
)
_NOT_EMPTY = "Publish to a repository or branch that is empty"


def of_refused_push(said: str) -> str:
    """Return what to do about what git says of a refused push."""
    return by_words(_BY_WORDS, said) or _NOT_EMPTY
