"""Taking out secrets that come in pieces: consecutive messages of one log, as the chunks of a child process's output.

A message is sent on as soon as it is said, so what it ends with cannot be taken back when the next one turns it into a
secret. Hence two rules. The part of a secret in the message that completes it is always hidden. What looks like the
beginning of a secret at the end of a message is hidden if it is long enough not to be there by chance. Of a secret cut
into pieces no more than its first characters are ever shown: half of it, at most 15, at least 7.
"""

from collections.abc import Sequence

from backstage_py.scaffolder.redaction import MASK, Redactor

_FEWEST, _MOST = 8, 16  # characters at the end of a message that are taken for the beginning of a secret


class SplitSecrets:
    """Follows one log.

    Args:
        redactor: knows the secrets, and hides those that stand in one message.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._before = ""  # the end of what was said, as it was said

    def text(self, message: str) -> str:
        """Return the next message without its part of secrets that began before it or go on behind it."""
        forms = self._redactor.forms
        if not forms:
            return message
        before, longest = self._before, len(forms[0])
        self._before = (before + message[-longest:])[-longest:]
        start, stop = _completed(before, message, forms), _begun(before, message, forms)
        if start >= stop:
            return MASK
        return f"{MASK if start else ''}{message[start:stop]}{MASK if stop < len(message) else ''}"


def _completed(before: str, message: str, forms: Sequence[str]) -> int:
    """Return how many characters at the beginning of the message are the rest of secrets."""
    found = 0
    for form in forms:
        reach = len(form) - 1
        joint = before[-reach:] + message[:reach]
        border = len(joint) - len(message[:reach])
        at = joint.find(form)
        while at >= 0:
            found = max(found, at + len(form) - border)
            at = joint.find(form, at + 1)
    return found


def _begun(before: str, message: str, forms: Sequence[str]) -> int:
    """Return where in the message the beginning of a secret stands that goes on behind it; its end if none does."""
    found = len(message)
    for form in forms:
        least = min(max(len(form) // 2, _FEWEST), _MOST)
        if least >= len(form):
            continue
        reach = len(form) - 1
        end = (before[-reach:] + message[-reach:])[-reach:]
        at = end.find(form[:least])
        while at >= 0:
            if form.startswith(end[at:]):
                found = min(found, max(len(message) - len(end) + at, 0))
                break
            at = end.find(form[:least], at + 1)
    return found
