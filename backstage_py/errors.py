"""One tree of errors; each has its Backstage name and HTTP status.

::

    BackstageError                    name "Error", status 500
    ├── InputError                    400  the caller's data is wrong; the message says what to change
    │   └── SettingsError             400  the operator's configuration is wrong; names key and file
    ├── AuthenticationError           401  nobody is known to be calling
    ├── NotAllowedError               403  the caller is known and may not do this
    ├── NotFoundError                 404
    ├── ConflictError                 409
    ├── NotImplementedInBackendError  501  named "NotImplementedError" on the wire
    ├── ServiceUnavailableError       503  try again later
    ├── TemplateRenderError           500  a skeleton's path or file does not render
    │   └── TemplateLimitError        500  it takes more than a template may
    └── ForeignError                  500  a foreign system answered with an error

The names and statuses are those of Backstage's package ``@backstage/errors``; its clients rebuild an error from
``{"error": {"name", "message", "cause"}}``. Whether trying again can help is said by the plugin SDK's
``PermanentError`` and ``TemporaryError``, which are defined here so that every layer can raise them.
"""

from collections.abc import Mapping
from typing import ClassVar, Self


class BackstageError(Exception):
    """An error whose message may be shown to the caller.

    Args:
        message: what is wrong and what to do next; no secret, no stack.
        details: further members of the ``error`` object on the wire, JSON values only.

    Attributes:
        is_refusal: what was asked for was surely not done: it was refused, or never sent. Of an error without it, as
            one after a lost answer, nobody can tell.
    """

    name: ClassVar[str] = "Error"
    status: ClassVar[int] = 500
    is_refusal: bool = False

    def __init__(self, message: str, *, details: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = dict(details or {})

    def reworded(self, message: str) -> Self:
        """Return an error of the same kind with another message; what caused this one is not known of it."""
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.__dict__.pop("__notes__", None)
        other.message = message
        other.args = (message,)
        return other


class InputError(BackstageError):
    """The request, form or file is wrong; the message says what to change."""

    name = "InputError"
    status = 400
    is_refusal = True


class AuthenticationError(BackstageError):
    """No usable credentials came with the request."""

    name = "AuthenticationError"
    status = 401
    is_refusal = True


class NotAllowedError(BackstageError):
    """The caller may not do this, or a host or path is not on an allow-list."""

    name = "NotAllowedError"
    status = 403
    is_refusal = True


class NotFoundError(BackstageError):
    """The named thing does not exist, or the caller may not see it."""

    name = "NotFoundError"
    status = 404
    is_refusal = True


class ConflictError(BackstageError):
    """The thing exists already or is in a state that forbids the change."""

    name = "ConflictError"
    status = 409
    is_refusal = True


class NotImplementedInBackendError(BackstageError):
    """A part of the API that this configuration does not offer."""

    name = "NotImplementedError"
    status = 501
    is_refusal = True


class ServiceUnavailableError(BackstageError):
    """Something this answer depends on does not answer right now."""

    name = "ServiceUnavailableError"
    status = 503


class SettingsError(InputError):
    """A configuration value is wrong or missing.

    Args:
        key: dotted path of the value, e.g. ``backend.listen.port``.
        expected: what would be right, in words.
        file: the file that holds the value, None when no file does.
    """

    def __init__(self, key: str, expected: str, *, file: str | None = None) -> None:
        where = f" in {file}" if file else ""
        super().__init__(f"Configuration value '{key}'{where}: {expected}")
        self.key = key
        self.expected = expected
        self.file = file


class TemplateRenderError(BackstageError):
    """A path or text that an action renders is no template, or an expression in it fails."""

    name = "TemplateRenderError"


class TemplateLimitError(TemplateRenderError):
    """A path or text that an action renders takes more work or room than it may."""

    name = "TemplateLimitError"


class ForeignError(BackstageError):
    """A foreign system (git host, cluster, vault, …) refused or failed.

    Args:
        message: what it said.
        answered: the HTTP status of its answer, if that is known: 4xx is a refusal.
    """

    def __init__(self, message: str, *, answered: int | None = None) -> None:
        super().__init__(message)
        if answered is not None:
            self.is_refusal = is_refusal(answered)


class PermanentError(BackstageError):
    """Raised by an action when trying again cannot help: the step fails at once, whatever ``retry`` says."""

    is_refusal = True


class TemporaryError(BackstageError):
    """Raised by an action when trying again may help; without ``retry`` in its declaration the step fails.

    Args:
        message: what happened.
        retry_after: seconds until the next try is sensible, None for the action's own backoff.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


_FIRST_REFUSAL, _TIMED_OUT, _FIRST_FAILURE = 400, 408, 500
_KINDS = (InputError, AuthenticationError, NotAllowedError, NotFoundError, ConflictError, ServiceUnavailableError)
_OF_NAME: dict[str, type[BackstageError]] = {
    kind.name: kind for kind in (*_KINDS, TemplateRenderError, TemplateLimitError)
}
_OF_STATUS: dict[int, type[BackstageError]] = {
    **{kind.status: kind for kind in _KINDS},
    422: InputError,
    429: ServiceUnavailableError,
    504: ServiceUnavailableError,
}


def of_status(status: int, message: str) -> BackstageError:
    """Return the error for the HTTP status with which a foreign system refused; a ``ForeignError`` for all others."""
    error = _OF_STATUS.get(status, ForeignError)(message)
    error.is_refusal = is_refusal(status)
    return error


def is_refusal(status: int) -> bool:
    """Say whether a request that was answered with this HTTP status surely changed nothing."""
    return _FIRST_REFUSAL <= status < _FIRST_FAILURE and status != _TIMED_OUT


def of_name(name: str, message: str) -> BackstageError:
    """Return the error for the name that another Backstage plugin sent; a ``ForeignError`` for unknown names."""
    return _OF_NAME.get(name, ForeignError)(message)


def as_name(error: BaseException) -> str:
    """Return the name a Backstage client sees for an error.

    Errors of ours have their Backstage name; anything else is a plain ``Error``, as in Backstage.
    """
    return error.name if isinstance(error, BackstageError) else "Error"
