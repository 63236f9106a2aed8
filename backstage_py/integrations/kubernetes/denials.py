"""Why a cluster's admission refused: webhook, policy, rule and message, read from the text of its answer.

Kyverno, Gatekeeper, ValidatingAdmissionPolicy and quotas write their own shapes; of another webhook the text is kept.
"""

import re
from dataclasses import dataclass

_WEBHOOK = re.compile(r'admission webhook "([^"]+)" denied the request(?: without explanation)?:?\s*(.*)', re.DOTALL)
_KYVERNO = re.compile(r"^(?:resource|policy) \S+/\S+ .*(?:blocked|violation).*$", re.MULTILINE)
_GATEKEEPER = re.compile(r"^\[([^\]]+)\] (.*)$", re.MULTILINE)
_POLICY = re.compile(r"ValidatingAdmissionPolicy '([^']+)' with binding '([^']+)' denied request: (.*)", re.DOTALL)
_KYVERNO_WARNING = re.compile(r"policy (\S+)\.([^.:]+): (.*)", re.DOTALL)
_POLICY_WARNING = re.compile(
    r"Validation failed for ValidatingAdmissionPolicy '([^']+)' with binding '([^']+)': (.*)", re.DOTALL
)
_QUOTA = re.compile(r"exceeded quota: ([^,]+), (requested: .*)", re.DOTALL)
_ENTRY = re.compile(r"^(\s*)([A-Za-z0-9][\w./-]*):(?:\s+(.*))?$")


@dataclass(frozen=True, slots=True)
class Denial:
    """One rule that refused an object. ``webhook``, ``policy`` and ``rule`` are empty where the answer has none."""

    message: str
    policy: str = ""
    rule: str = ""
    webhook: str = ""

    def __str__(self) -> str:
        """``policy/rule: message``, with what there is."""
        name = "/".join(one for one in (self.policy, self.rule) if one) or self.webhook
        return f"{name}: {self.message}" if name else self.message


def read(message: str) -> list[Denial]:
    """Return what refused, in the order of the answer; empty when it was no admission that did."""
    if found := _POLICY.search(message):
        return [Denial(found[3].strip(), policy=found[1], rule=found[2], webhook="ValidatingAdmissionPolicy")]
    if found := _QUOTA.search(message):
        return [Denial(found[2].strip(), policy=found[1].strip(), webhook="ResourceQuota")]
    found = _WEBHOOK.search(message)
    if found is None:
        return []
    webhook, text = found[1], found[2].strip()
    listed = _kyverno(webhook, text) or _gatekeeper(webhook, text)
    return listed or [Denial(text or "it gave no reason", webhook=webhook)]


def warning(message: str) -> Denial:
    """Return what a warning of a cluster says: by Kyverno, Gatekeeper, ValidatingAdmissionPolicy, or just its text."""
    if found := _KYVERNO_WARNING.fullmatch(message):
        return Denial(found[3].strip(), policy=found[1], rule=found[2])
    if found := _POLICY_WARNING.fullmatch(message):
        return Denial(found[3].strip(), policy=found[1], rule=found[2], webhook="ValidatingAdmissionPolicy")
    if found := _GATEKEEPER.fullmatch(message):
        return Denial(found[2].strip(), policy=found[1])
    return Denial(message)


def _gatekeeper(webhook: str, text: str) -> list[Denial]:
    return [Denial(one[2].strip(), policy=one[1], webhook=webhook) for one in _GATEKEEPER.finditer(text)]


def _kyverno(webhook: str, text: str) -> list[Denial]:
    """Read the list below its head: policies, in each its rules, a message over several lines."""
    head = _KYVERNO.search(text)
    if head is None:
        return []
    policy, rules = "", list[tuple[str, str, list[str]]]()
    for line in text[head.end() :].splitlines():
        entry = _ENTRY.match(line)
        if entry and not entry[1]:
            policy = entry[2]
        elif entry and len(entry[1]) == 2 and policy:  # noqa: PLR2004  # its indentation of rules
            rules.append((policy, entry[2], [entry[3] or ""]))
        elif rules and line.strip():
            rules[-1][2].append(line.strip())
    return [Denial(_joined(lines), policy=one, rule=rule, webhook=webhook) for one, rule, lines in rules]


def _joined(lines: list[str]) -> str:
    text = " ".join(one.strip() for one in lines if one.strip() not in ("", "|", "|-", ">", ">-"))
    is_quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1].replace("''", "'") if is_quoted else text
