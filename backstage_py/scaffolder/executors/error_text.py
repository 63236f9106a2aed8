"""What a task shows of an error."""

import re

from backstage_py.errors import BackstageError
from backstage_py.scaffolder.run.redaction import Redactor

_MOST = 10_000  # letters; a message is stored and sent to whoever follows the task
_LENGTH = re.compile(r"… \(\d+ letters\)\Z")
"""What stands at the end of a text that was cut on its way here."""


def as_shown(error: BackstageError, redactor: Redactor) -> BackstageError:
    """Return an error of the same kind whose texts are redacted, then cut; what caused it is not known of it.

    A text is cut last: behind a cut within a secret nobody would find its beginning.
    """
    text = redactor.text(error.message)
    if len(text) > _MOST:
        length = _LENGTH.search(text)
        text = text[:_MOST] + (length[0] if length else f"… ({len(text)} letters)")
    shown = error.reworded(text)
    shown.details = redactor.value(error.details)
    return shown
