"""``scaffolder``: tasks, their recovery, and the bounds on what they use."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from backstage_py.model.json import Json
from backstage_py.settings import elsewhere, kinds
from backstage_py.settings.description import Each, Section, key, keys_of
from backstage_py.settings.sections.kubernetes_executor import KubernetesExecutorSettings

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class TaskRecoverySettings:
    """``scaffolder.taskRecovery``."""

    enabled: bool = key("taskRecovery.enabled", kinds.SWITCH, "Continue crashed tasks.", False)
    stale_timeout: float = key(
        "taskRecovery.staleTimeout",
        kinds.DURATION,
        "Without heartbeat for this long a task has crashed; 30 seconds.",
        30.0,
    )


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """``scaffolder.limits`` (ours): what one dry run, task or check of a form may use up.

    Attributes:
        evaluation_steps: an operation, a round of a loop, a quarter of a character that is compiled.
        output_bytes: each character counts as one.
        seconds: of rendering and checking; actions have their own timeouts.
    """

    evaluation_steps: int = key(
        "limits.evaluationSteps",
        kinds.whole(least=1),
        "(ours) Most steps that templates of a run may take; 20,000,000 by default.",
        20_000_000,
    )
    regex_steps: int = key(
        "limits.regexSteps",
        kinds.whole(least=1),
        "(ours) Most steps that regular expressions of a run or form may take; 10,000,000 by default.",
        10_000_000,
    )
    output_bytes: int = key(
        "limits.outputBytes",
        kinds.whole(least=1),
        "(ours) Most bytes that templates and actions of a run make, small values counted as 32, or a dry run answers "
        "with; 64 MiB by default.",
        64 * 2**20,
    )
    seconds: float = key(
        "limits.seconds",
        kinds.DURATION,
        "(ours) How long the templates and forms of a run may take in all; 30 seconds by default.",
        30.0,
    )
    steps: int = key(
        "limits.steps",
        kinds.whole(least=1),
        "(ours) Most steps of a run, each round of 'each' counted; 5,000 by default.",
        5_000,
    )


@dataclass(frozen=True, slots=True)
class ChildrenSettings:
    """``scaffolder.children`` (ours): the bounds of each process that works on a template's own programs."""

    memory_bytes: int = key(
        "memoryBytes", kinds.whole(least=64 * _MIB), "(ours) Memory of a child; 1 GiB.", 1024 * _MIB
    )
    cpu_seconds: int = key("cpuSeconds", kinds.whole(least=1), "(ours) Seconds of CPU time of a child; 60.", 60)
    file_size_bytes: int = key(
        "fileSizeBytes", kinds.whole(least=1), "(ours) Size of a file that a child writes; 256 MiB.", 256 * _MIB
    )
    open_files: int = key("openFiles", kinds.whole(least=32), "(ours) Files that a child has open at once; 256.", 256)
    processes: int = key(
        "processes", kinds.whole(least=1), "(ours) Processes of a child that may start some, as hooks may; 64.", 64
    )


@dataclass(frozen=True, slots=True)
class ProcessSettings:
    """``scaffolder.executor.process`` (ours): the bounds of the process in which a task's actions of others run."""

    memory_bytes: int = key(
        "memoryBytes",
        kinds.whole(least=128 * _MIB),
        "(ours) Memory of a task's process and of all that it starts; 1 GiB.",
        1024 * _MIB,
    )
    cpu_seconds: int = key(
        "cpuSeconds", kinds.whole(least=1), "(ours) Seconds of CPU time of each of its processes; 3,600.", 3600
    )
    open_files: int = key(
        "openFiles", kinds.whole(least=32), "(ours) Files that each of its processes has open at once; 1,024.", 1024
    )
    processes: int = key("processes", kinds.whole(least=1), "(ours) Processes at once, its own included; 64.", 64)
    at_once: int = key(
        "atOnce",
        kinds.whole(least=1),
        "(ours) Runs that have such a process at the same time, three quarters of them for one action; 64.",
        64,
    )
    environment: tuple[str, ...] = key(
        "environment",
        kinds.TEXTS,
        "(ours) Variables of the service that it gets besides PATH, HOME, language, time zone and certificates.",
        (),
    )
    idle: float = key(
        "idleTimeout",
        kinds.DURATION,
        "(ours) Time without any such process after which what forks them ends, too; 10 minutes.",
        600.0,
    )


_EXECUTORS = ("inline", "process", "kubernetes")


@dataclass(frozen=True, slots=True)
class ExecutorMatch:
    """What an executor's rule is about: globs, in which ``*`` stands for anything; all that are named must fit."""

    action: str | None = key("action", kinds.TEXT, "(ours) Ids of actions; a rule without it is not about ours.", None)
    template: str | None = key("template", kinds.TEXT, "(ours) References of templates.", None)
    owner: str | None = key("owner", kinds.TEXT, "(ours) References of owners, as the catalog has them.", None)
    tag: str | None = key("tag", kinds.TEXT, "(ours) A tag of the template, as the catalog has it.", None)


@dataclass(frozen=True, slots=True)
class ExecutorRule:
    """One of ``scaffolder.executor.rules``."""

    use: str = key(
        "use",
        kinds.choice(*_EXECUTORS),
        "(ours) Where actions run: inline in the service, process in one of the task's, kubernetes in pods.",
        missing=f"is missing; expected one of {', '.join(_EXECUTORS)}",
    )
    match: ExecutorMatch = key(
        "match", Section(ExecutorMatch, is_closed=True), "(ours) What the rule is about.", ExecutorMatch
    )
    scope: str = key(
        "scope", kinds.choice("task", "step"), "(ours) One process for a task, or one for each step; task.", "task"
    )


@dataclass(frozen=True, slots=True)
class ExecutorSettings:
    """``scaffolder.executor`` (ours): where actions run."""

    default: str = key("default", kinds.choice(*_EXECUTORS), "(ours) Where actions of others run; process.", "process")
    rules: tuple[ExecutorRule, ...] = key(
        "rules", Each(ExecutorRule), "(ours) Other places for some actions; the first rule that fits decides.", ()
    )
    process: ProcessSettings = key(
        "process",
        Section(ProcessSettings, is_closed=True),
        "(ours) Bounds of the processes in which actions run.",
        ProcessSettings,
    )
    kubernetes: KubernetesExecutorSettings | None = key(
        "kubernetes",
        Section(KubernetesExecutorSettings, is_optional=True, is_closed=True),
        "(ours) The cluster in whose pods actions run.",
        None,
    )


@dataclass(frozen=True, slots=True)
class QuotaSettings:
    """``scaffolder`` (ours): what a task may leave on disks and in the database."""

    workspace_bytes: int = key(
        "workspaceLimitBytes", kinds.whole(least=1), "(ours) What a task's folder may hold; 4 GiB.", 4096 * _MIB
    )
    workspace_files: int = key(
        "workspaceLimitFiles", kinds.whole(least=1), "(ours) Files and folders of a task; 500,000.", 500_000
    )
    snapshot_bytes: int = key(
        "snapshotLimitBytes", kinds.whole(least=1), "(ours) Size of a snapshot for recovery; 256 MiB.", 256 * _MIB
    )
    free_disk_bytes: int = key(
        "freeDiskBytes", kinds.whole(), "(ours) What tasks leave free on each disk; 128 MiB.", 128 * _MIB
    )


@dataclass(frozen=True, slots=True)
class ScaffolderSettings:
    """``scaffolder``, with Backstage's experimental names beside the ones that replaced them.

    Attributes:
        retention: None for ever.
        log_limit_bytes: so that a runaway action does not fill the database.
        shutdown_timeout: seconds that a stop waits for running tasks before they are handed back.
        options: the whole section as configured, for values that only one room knows.
    """

    concurrent_tasks_limit: int = key(
        "concurrentTasksLimit",
        kinds.whole(),
        "Tasks that run at the same time in a process; 10 by default, 0 for none.",
        10,
    )
    default_environment: Mapping[str, Json] = key("defaultEnvironment", kinds.OBJECT, default=dict)
    default_author_name: str = key("defaultAuthor.name", kinds.TEXT, "Author of commits.", "Scaffolder")
    default_author_email: str = key(
        "defaultAuthor.email", kinds.TEXT, "Address of the author.", "scaffolder@backstage.io"
    )
    default_commit_message: str = key("defaultCommitMessage", kinds.TEXT, "Message of first commits.", "Initial commit")
    task_timeout: float = key(
        "taskTimeout", kinds.DURATION, "Without heartbeat for this long a task is given up; 24 hours.", 24 * 3600.0
    )
    task_timeout_janitor_frequency: float = key(
        "taskTimeoutJanitorFrequency", kinds.DURATION, "How often to look for such tasks; 5 minutes.", 300.0
    )
    recovery: TaskRecoverySettings = TaskRecoverySettings()
    quotas: QuotaSettings = QuotaSettings()
    limits: LimitSettings = LimitSettings()
    secrets_key: str | None = key(
        "secretsKey",
        kinds.TEXT,
        "(ours) As one of auth.keyEncryptionKeys; secrets of tasks that it encrypted itself are read, too.",
        None,
    )
    secrets_key_rotation: float = key(
        "secretsKeyRotation",
        kinds.LASTING,
        "(ours) How long a key encrypts secrets of tasks; 30 days.",
        30 * 24 * 3600.0,
    )
    workspace_serialization: str | None = key(
        "taskRecovery.workspaceProvider", kinds.TEXT, "Where workspaces are kept for recovery.", None
    )
    retention: float | None = key(
        "taskRetention", kinds.DURATION, "(ours) Ended tasks are removed after this long; never without it.", None
    )
    log_limit_bytes: int = key(
        "logLimitBytes",
        kinds.whole(least=1),
        "(ours) Most bytes of log that a task may write; 16 MiB by default.",
        16 * _MIB,
    )
    actions_folder: Path | None = key("actionsFolder", kinds.PATH, "(ours) Folder with actions of your own.", None)
    reload_actions: bool = key(
        "reloadActions",
        kinds.SWITCH,
        "(ours) Load files of actionsFolder again when they change; backstage-py dev does.",
        False,
    )
    actions_plugin: str = key(
        "actionsPluginId",
        kinds.TEXT,
        "(ours) Plugin id under which other backends find our actions; backstage-py by default.",
        "backstage-py",
    )
    shutdown_timeout: float = key(
        "shutdownTimeout", kinds.DURATION, "(ours) How long a stop waits for running tasks; 30 seconds.", 30.0
    )
    audited_length: int = key(
        "auditor.taskParameterMaxLength",
        kinds.whole(least=-1),
        "Characters of a form value that an audit event shows; 256 by default, -1 for all.",
        256,
    )
    http_allowed_hosts: tuple[str, ...] = key(
        "http.allowedHosts",
        kinds.TEXTS,
        "Hosts that http:backstage:request may reach; when given, discovered plugins too must be on one of them.",
        (),
    )
    children: ChildrenSettings = key(
        "children", Section(ChildrenSettings), "(ours) Bounds of processes that render or evaluate.", ChildrenSettings
    )
    executor: ExecutorSettings = key(
        "executor", Section(ExecutorSettings, is_closed=True), "(ours) Where actions run.", ExecutorSettings
    )
    options: Mapping[str, Json] = field(default_factory=dict)

    also: ClassVar = (
        *keys_of(TaskRecoverySettings),
        *keys_of(QuotaSettings),
        *keys_of(LimitSettings),
        *elsewhere.SCAFFOLDER,
    )
