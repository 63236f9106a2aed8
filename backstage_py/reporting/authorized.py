"""The report for callers who may not see everything."""

from collections.abc import Mapping
from dataclasses import dataclass

from backstage_py.identity.principals import Credentials
from backstage_py.model.json import JsonObject
from backstage_py.permissions import names
from backstage_py.permissions.authority import Authority
from backstage_py.reporting.service import ReportService


@dataclass(frozen=True, slots=True)
class AuthorizedReports:
    """The report, for those who may read it; it names all services and teams.

    Attributes:
        service: makes it.
        authority: asks the policy.
    """

    service: ReportService
    authority: Authority

    async def report(self, query: Mapping[str, str], credentials: Credentials) -> JsonObject:
        """Do as ``ReportService.report``.

        Raises:
            NotAllowedError: the caller may not read it. InputError: a member of the query is wrong.
        """
        await self.authority.require(credentials, names.METRICS_READ)
        return await self.service.report(query)
