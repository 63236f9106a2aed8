"""The execution API of a process, which is imported only where steps run in pods."""

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backstage_py.scaffolder.executors.kubernetes.executor import KubernetesExecutor


def listening(executor: "KubernetesExecutor | None") -> AbstractAsyncContextManager[None]:
    """Do as ``execution.listening``; nothing without an executor."""
    if executor is None:
        return nullcontext()
    from backstage_py.http import execution

    return execution.listening(executor)
