"""Source control hosts as they are configured below ``integrations``."""

from collections.abc import Mapping
from dataclasses import dataclass

from backstage_py.model.json import Json


@dataclass(frozen=True, slots=True)
class ScmIntegration:
    """One entry below ``integrations``: a git host, its kind (``github``, ``gitlab``, …) and how to reach it.

    ``options`` are the remaining values of the entry as they are in the configuration (tokens, apps, …).
    """

    type: str
    host: str
    title: str
    api_base_url: str | None
    raw_base_url: str | None
    token: str | None
    options: Mapping[str, Json]

    @property
    def site(self) -> str:
        """Where people find the host: its ``baseUrl`` where the entry has one, without a slash at the end."""
        return str(self.options.get("baseUrl") or f"https://{self.host}").rstrip("/")
