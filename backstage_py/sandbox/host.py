"""The parts of one running sandbox, as its handlers see them."""

from dataclasses import dataclass
from typing import Self

from backstage_py.sandbox.gitrepo.process import Git
from backstage_py.sandbox.settings import SandboxSettings
from backstage_py.sandbox.store import RepositoryStore
from backstage_py.sandbox.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Host:
    """Settings, repositories, tokens, and the git processes that serve transfers.

    Transfers are counted by themselves, so that slow clients cannot keep the API from its own git commands.
    """

    settings: SandboxSettings
    store: RepositoryStore
    tokens: Tokens
    transfers: Git

    @classmethod
    def open(cls, settings: SandboxSettings) -> Self:
        """Make the folder and the parts."""
        git = Git(settings.max_git_processes, settings.git_timeout)
        return cls(
            settings=settings,
            store=RepositoryStore(settings.root, git),
            tokens=Tokens(settings.tokens),
            transfers=Git(settings.max_git_processes),
        )
