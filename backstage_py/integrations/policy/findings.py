"""What policies found: read from the rules of a Rego package, each with its rule, file and line.

As tools around OPA have it, rules whose names are ``deny``, ``violation`` or ``warn``, or begin so (``deny_root``),
hold texts, or objects with ``msg``. Such an object may say more: ``rule``, ``file``, and where in it: ``line``, or
``document`` (a number from 0) and ``at``, the path of the value.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from backstage_py.errors import InputError
from backstage_py.integrations.policy.subject import File, Subject
from backstage_py.model.json import Json

_RULE = re.compile(r"(deny|violation|warn)(?:_\w+)?")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a policy holds against what it judged; ``file`` is empty and ``line`` 0 where it named none."""

    policy: str
    rule: str
    message: str
    is_warning: bool = False
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        """``policy/rule: k8s/web.yaml:7: message``."""
        place = f"{self.file}:{self.line}: " if self.line else f"{self.file}: " if self.file else ""
        return f"{'/'.join(one for one in (self.policy, self.rule) if one)}: {place}{self.message}"

    def as_json(self) -> dict[str, Json]:
        """Return it as an output."""
        shown: dict[str, Json] = {"policy": self.policy, "rule": self.rule, "message": self.message}
        shown |= {"file": self.file} if self.file else {}
        return shown | ({"line": self.line} if self.line else {})

    def as_warning(self) -> "Finding":
        """Return it as one that denies nothing."""
        return replace(self, is_warning=True)


def of_package(value: Json, policy: str, subject: Subject, judged: tuple[File, int] | None = None) -> Iterator[Finding]:
    """Yield what the rules of a package hold; ``judged`` is the document that they were given, if it was one.

    Raises:
        InputError: it has no rule that could deny.
    """
    rules = {name: one for name, one in value.items() if _RULE.fullmatch(name)} if isinstance(value, Mapping) else {}
    if not rules:
        raise InputError(
            f"The policy '{policy}' has no rule deny, violation or warn in its package; check its name and 'package'"
        )
    for name, held in rules.items():
        for one in _entries(held):
            yield _finding(one, name, policy, subject, judged)


def _entries(held: Json) -> Iterator[Json]:
    """Yield what a rule holds: a list, or an object of entries that are true, as older Rego makes it."""
    if isinstance(held, Mapping):
        yield from (_entry(key) for key, is_held in held.items() if is_held is True)
    elif isinstance(held, list):
        yield from held
    elif held is True or isinstance(held, str):
        yield held


def _entry(key: str) -> Json:
    if key.startswith("{"):
        try:
            return json.loads(key)
        except ValueError:
            return key
    return key


def _finding(one: Json, name: str, policy: str, subject: Subject, judged: tuple[File, int] | None) -> Finding:
    is_warning = name.startswith("warn")
    more: Mapping[str, Json] = one if isinstance(one, Mapping) else {"msg": "is not fulfilled" if one is True else one}
    message = more.get("msg") or more.get("message") or json.dumps(one)
    file = subject.file(str(more["file"])) if more.get("file") else judged[0] if judged else None
    document = more.get("document")
    index = document if isinstance(document, int) else judged[1] if judged and judged[0] is file else 0
    at = more.get("at")
    path = [part for part in at if isinstance(part, str | int)] if isinstance(at, list) else []
    line = more.get("line")
    if not isinstance(line, int):
        line = file.line(index, path) if file else 0
    named = file.path if file else str(more.get("file") or "")
    return Finding(policy, str(more.get("rule") or name), str(message), is_warning, named, line)
