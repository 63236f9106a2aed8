"""What a controller of a test is made of: it watches a kind and brings each object where it should be.

It is driven by levels, as real ones are: ``reconcile`` gets an object as it is now, whatever happened in between, does
one thing, and says when it wants to look again. A thread watches, another works; what goes wrong fails the test at its
end.
"""

import threading
import time
import traceback
from types import TracebackType
from typing import Any, Self

from urllib3.exceptions import HTTPError

from tests.cluster.calls import Api, ApiException

_WATCH_SECONDS = 2
_TRY_AGAIN = 0.2
_FORGIVEN = (404, 409)  # an object that went or changed meanwhile is looked at again


class Reconciler:
    """Watches the list at ``path``, such as ``/apis/example.org/v1/namespaces/test/databases``."""

    finalizer: str | None = None

    def __init__(self, api: Api, path: str) -> None:
        self.api, self.path = api, path
        self.problems: list[str] = []
        self._due: dict[str, float] = {}
        self._objects: dict[str, Any] = {}
        self._changed = threading.Condition()
        self._is_over = False
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._watch, self._work)]

    def reconcile(self, value: Any) -> float | None:
        """Do one thing for an object; return the seconds after which to look again, None for the next change."""
        raise NotImplementedError

    def finalize(self, value: Any) -> float | None:
        """Do one thing for an object that is being deleted; None when all is done, so that it may go."""
        del value
        return None

    def of(self, value: Any) -> str:
        """Return the path of an object."""
        return f"{self.path}/{value['metadata']['name']}"

    def set_status(self, value: Any, status: Any) -> Any:
        """Merge into the status of an object."""
        return self.api.patch(f"{self.of(value)}/status", {"status": status})

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        if error is not None and self.problems:
            error.add_note("\n".join(self.problems))
        if kind is None:
            assert not self.problems, "\n".join(self.problems)

    def _watch(self) -> None:
        while not self._is_over:
            try:
                for event in self.api.watch(self.path, _WATCH_SECONDS):
                    self._see(event)
            except (ApiException, HTTPError, OSError):
                time.sleep(_TRY_AGAIN)  # the API server restarts, or the kind is not there yet

    def _see(self, event: Any) -> None:
        value = event["object"]
        if event["type"] not in ("ADDED", "MODIFIED", "DELETED"):
            return
        name = value["metadata"]["name"]
        with self._changed:
            if event["type"] == "DELETED":
                self._objects.pop(name, None)
                self._due.pop(name, None)
            elif value != self._objects.get(name):
                self._objects[name] = value
                self._due[name] = 0.0
            self._changed.notify_all()

    def _work(self) -> None:
        while (name := self._next()) is not None:
            try:
                again = self._act(name)
            except ApiException as error:
                told = f"{type(self).__name__} {name}: {error.status} {error.body!r}"
                if error.status not in _FORGIVEN and not self._is_over and told not in self.problems:
                    self.problems.append(told)
                again = _TRY_AGAIN
            except (HTTPError, OSError):
                again = _TRY_AGAIN
            except Exception:  # noqa: BLE001  # told at the end
                self.problems.append(traceback.format_exc())
                again = None
            if again is not None:
                with self._changed:
                    self._due.setdefault(name, time.monotonic() + again)

    def _next(self) -> str | None:
        """Return the object that is due, None at the end."""
        with self._changed:
            while not self._is_over:
                now = time.monotonic()
                due = [name for name, at in self._due.items() if at <= now]
                if due:
                    del self._due[due[0]]
                    return due[0]
                self._changed.wait(min([at - now for at in self._due.values()], default=None))
            return None

    def _act(self, name: str) -> float | None:
        value = self.api.find(f"{self.path}/{name}")
        if value is None:
            return None
        metadata = value["metadata"]
        held = metadata.get("finalizers") or []
        if metadata.get("deletionTimestamp"):
            if self.finalizer not in held:
                return None
            again = self.finalize(value)
            if again is None:
                rest = [one for one in held if one != self.finalizer]
                self.api.patch(self.of(value), {"metadata": {"finalizers": rest}})
            return again
        if self.finalizer and self.finalizer not in held:
            change = {"finalizers": [*held, self.finalizer], "resourceVersion": metadata["resourceVersion"]}
            self.api.patch(self.of(value), {"metadata": change})
            return _TRY_AGAIN
        return self.reconcile(value)
