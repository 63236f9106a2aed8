"""Problems of processing as data: they are stored with the entity and shown in ``status.items``."""

from dataclasses import dataclass

from backstage_py.errors import BackstageError, as_name
from backstage_py.model.json import JsonObject


@dataclass(frozen=True, slots=True)
class Fault:
    """An error as ``serializeError`` of Backstage shows it; the message includes that of its cause."""

    name: str
    message: str
    cause: "Fault | None" = None

    def as_json(self) -> JsonObject:
        """Return the serialised error."""
        shown: JsonObject = {"name": self.name, "message": self.message}
        if self.cause:
            shown["cause"] = self.cause.as_json()
        return shown

    def __str__(self) -> str:
        """Return ``name: message``."""
        return f"{self.name}: {self.message}"


class FaultError(Exception):
    """Ends the processing of an entity."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def caused(name: str, message: str, cause: Fault) -> FaultError:
    """Return an error whose message ends with that of its cause."""
    return FaultError(Fault(name, f"{message}; caused by {cause}", cause))


def of(error: BaseException) -> Fault:
    """Return any error as a fault."""
    if isinstance(error, FaultError):
        return error.fault
    if isinstance(error, LookupError) and not isinstance(error, BackstageError):
        return Fault(as_name(error), f"{type(error).__name__}: {error}")  # its text alone is a bare key or number
    return Fault(as_name(error), str(error) or type(error).__name__)
