"""The credentials of ``integrations.azure`` and ``bitbucketCloud``: which keys go together, as in Backstage."""

from backstage_py.settings.kinds import TEXT, TEXTS
from backstage_py.settings.reading import Reader

_PUBLIC = "dev.azure.com"
_PERSONAL = frozenset({"personalAccessToken"})
_KINDS = (
    _PERSONAL,
    frozenset({"clientId", "clientSecret", "tenantId"}),
    frozenset({"clientId"}),
    frozenset({"clientId", "managedIdentityClientId", "tenantId"}),
)
_CERTIFICATES = frozenset({"clientCertificate", "clientCertificatePath"})
_KEYS = frozenset().union(*_KINDS, _CERTIFICATES)


def check(kind: str, host: str, section: Reader) -> None:
    """Refuse an entry whose credentials cannot be used.

    Raises:
        SettingsError: see there.
    """
    if kind == "azure":
        _check_azure(host, section)
    if kind == "bitbucketCloud":
        _check_bitbucket(section)


def _check_azure(host: str, section: Reader) -> None:
    for_all, seen = 0, set[str]()
    for credential in section.sections("credentials"):
        found = frozenset(name for name in _KEYS if credential.get(name, TEXT))
        if found & _CERTIFICATES:
            credential.fail("", "has a certificate, which this service cannot use; use clientSecret or an identity")
        if found not in _KINDS:
            credential.fail(
                "",
                "expected personalAccessToken, or clientId alone or with tenantId and clientSecret or "
                "managedIdentityClientId",
            )
        if found != _PERSONAL and host != _PUBLIC:
            credential.fail("", f"only personal access tokens can be used with hosts other than {_PUBLIC}")
        organizations = credential.get("organizations", TEXTS) or ()
        if twice := seen & {*organizations}:
            credential.fail("organizations", f"'{min(twice)}' has another credential")
        seen |= {*organizations}
        for_all += not organizations
        if for_all > 1:
            credential.fail("organizations", "is missing; only one credential can be for all")


def _check_bitbucket(section: Reader) -> None:
    given = {
        name for name in ("username", "token", "appPassword", "clientId", "clientSecret") if section.get(name, TEXT)
    }
    if "username" in given and not given & {"token", "appPassword"}:
        section.fail("username", "expected a token or an appPassword beside it")
    if len(given & {"clientId", "clientSecret"}) == 1:
        section.fail("clientId", "expected clientId and clientSecret, both or none")
