"""Which templates may read and change what of Vault: the operator's ``vault.allow``, a list of rules.

The service's token may do what templates may not: their authors are not trusted. Without a rule they may do nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from backstage_py.errors import NotAllowedError
from backstage_py.integrations.origins import Origin, matches, rule_owners, rules, texts
from backstage_py.model.json import Json

_KEY = "vault.allow"
_DOING = MappingProxyType(
    {
        "read": "read the path",
        "write": "write the path",
        "policies": "use the policy",
        "policyPaths": "open by a policy the path",
        "roles": "make the role",
        "namespaces": "bind service accounts of the namespace",
        "databases": "make the role",
    }
)
_FIELDS = ("owners", "sources", *_DOING)


@dataclass(frozen=True, slots=True)
class _Rule:
    owners: tuple[str, ...] | None
    sources: tuple[str, ...] | None
    allowed: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules that are about one template."""

    rules: Sequence[_Rule]
    is_configured: bool

    def refuse_unless_allowed(self, what: str, *names: str) -> None:
        """Return when one rule allows all of them; ``what`` is a member of a rule.

        Raises:
            NotAllowedError: none does.
        """
        if not self.is_configured:
            raise NotAllowedError(
                f"Vault is not open to templates; the operator has to say in '{_KEY}' what they may use"
            )
        for name in names:
            if not any(matches(rule.allowed.get(what, ()), name) for rule in self.rules):
                raise NotAllowedError(
                    f"This template may not {_DOING[what]} '{name}' of Vault; the operator's '{_KEY}' says what it may"
                )


@dataclass(frozen=True, slots=True)
class AllRules:
    """What the operator configured."""

    rules: tuple[_Rule, ...] | None

    @property
    def ask_for_owners(self) -> bool:
        """Whether a rule wants to know who owns a template."""
        return any(rule.owners is not None for rule in self.rules or ())

    def about(self, origin: Origin) -> Rules:
        """Return those that are about a template."""
        found = [rule for rule in self.rules or () if origin.fits(rule.owners, rule.sources)]
        return Rules(found, self.rules is not None)


def read(config: Mapping[str, Json]) -> AllRules:
    """Read ``vault.allow``.

    Raises:
        SettingsError: it is no list of rules.
    """
    section = config.get("vault")
    value = section.get("allow") if isinstance(section, Mapping) else None
    if value is None:
        return AllRules(None)
    return AllRules(tuple(_rule(one, at) for at, one in rules(value, _KEY, _FIELDS)))


def _rule(value: Mapping[str, Json], key: str) -> _Rule:
    return _Rule(
        owners=rule_owners(value, key),
        sources=texts(value, "sources", key),
        allowed={name: texts(value, name, key) or () for name in _DOING},
    )
