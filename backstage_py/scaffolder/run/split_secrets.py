"""Taking out secrets that come in pieces: consecutive messages of one log, as the chunks of a child process's output.

A message is sent on as soon as it is said, so what it ends with cannot be taken back when the next one turns it into a
secret. Hence two rules. The part of a secret in the message that completes it is always hidden. What looks like the
beginning of a secret at the end of a message is hidden if it is long enough not to be there by chance. Of a secret cut
into pieces no more than its first characters are ever shown: half of it, at most 15, at least 7.
"""

from collections.abc import Sequence
from typing import NamedTuple

from backstage_py.scaffolder.run import occurrences
from backstage_py.scaffolder.run.redaction import MASK, Redactor

_FEWEST, _MOST = 8, 16  # characters at the end of a message that are taken for the beginning of a secret


class SplitSecrets:
    """Follows one log.

    Args:
        redactor: knows the secrets, and hides those that stand in one message.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._before = ""  # the end of what was said, as it was said
        self._known: Sequence[str] = ()
        self._forms: Sequence[_Form] = ()

    def text(self, message: str) -> str:
        """Return the next message without its part of secrets that began before it or go on behind it."""
        if self._known is not self._redactor.forms:
            self._known = self._redactor.forms
            self._forms = [_form(text) for text in self._known]
        if not self._forms:
            return message
        before, longest = self._before, self._forms[0].reach
        joint = before + message if len(message) <= longest else before + message[:longest]
        start = _completed(joint, len(before), self._forms) if before else 0
        end = message[-longest - 1 :] if len(message) > longest else (before + message)[-longest - 1 :]
        self._before = end
        stop = _begun(end, len(message), self._forms)
        if start >= stop:
            return MASK
        return f"{MASK if start else ''}{message[start:stop]}{MASK if stop < len(message) else ''}"


class _Form(NamedTuple):
    """A secret's form, its beginning that is not there by chance, and one less than its length."""

    text: str
    beginning: str
    reach: int


def _form(text: str) -> _Form:
    least = min(max(len(text) // 2, _FEWEST), _MOST)
    return _Form(text, text[:least] if least < len(text) else "", len(text) - 1)


def _completed(joint: str, border: int, forms: Sequence[_Form]) -> int:
    """Return how many characters behind the border are the rest of secrets that began before it."""
    found = 0
    for text, _, reach in forms:
        first = max(border - reach, 0)
        if joint.find(text, first, border + reach) >= 0:  # it crosses the border, since more would not fit
            end = occurrences.last_end(joint[first : border + reach], text)
            found = max(found, first + end - border)
    return found


def _begun(end: str, length: int, forms: Sequence[_Form]) -> int:
    """Return where in a message, of which ``end`` is the end, a secret begins that goes on behind it; else its end."""
    found = length
    for text, beginning, reach in forms:
        if not beginning:
            continue
        at = end.find(beginning, max(len(end) - reach, 0))
        if at < 0:
            continue
        overlap = len(end) - at if text.startswith(end[at:]) else occurrences.longest_overlap(end, text)
        if overlap >= len(beginning):
            found = min(found, max(length - overlap, 0))
    return found
