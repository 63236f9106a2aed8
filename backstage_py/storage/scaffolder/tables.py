"""The scaffolder's tables. Times are integers: milliseconds since 1970."""

import sqlalchemy as sa

metadata = sa.MetaData()

_event_id = sa.BigInteger().with_variant(sa.Integer, "sqlite")

tasks = sa.Table(
    "tasks",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("spec", sa.Text, nullable=False),  # JSON, written once
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("created_by", sa.Text),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("last_heartbeat_at", sa.BigInteger),
    sa.Column("ended_at", sa.BigInteger),
    sa.Column("starts_over", sa.Boolean, nullable=False),  # the template's recovery strategy is startOver
    sa.Column("claim", sa.Integer, nullable=False),  # grows with each claim; a write of an older claim is refused
    sa.Column("worker", sa.String(64)),  # who has the claim
    sa.Column("cancel_requested", sa.Boolean, nullable=False),
    sa.Column("secrets", sa.LargeBinary),  # sealed JSON
    sa.Column(
        "recorded", sa.Integer, nullable=False, server_default="0"
    ),  # moves of this claim; PostgreSQL alone counts
)

task_events = sa.Table(
    "task_events",
    metadata,
    sa.Column("id", _event_id, primary_key=True, autoincrement=True),  # never used twice, grows over all tasks
    sa.Column("task_id", sa.String(36), nullable=False),
    sa.Column("type", sa.String(16), nullable=False),
    sa.Column("body", sa.Text, nullable=False),  # JSON, redacted
    sa.Column("created_at", sa.BigInteger, nullable=False),
)

steps = sa.Table(
    "task_steps",
    metadata,
    sa.Column("task_id", sa.String(36), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),  # a step's id may occur twice in a template
    sa.Column("status", sa.String(16), nullable=False),  # completed or failed
    sa.Column("result", sa.LargeBinary, nullable=False),  # sealed JSON: the outputs, or the error's name and message
    sa.Column("attempt", sa.Integer),  # the claim under which it ended; unknown for old ones
)

checkpoints = sa.Table(
    "task_checkpoints",
    metadata,
    sa.Column("task_id", sa.String(36), primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.LargeBinary, nullable=False),  # sealed JSON
)

workspaces = sa.Table(  # as the version before reads and writes them
    "task_workspaces",
    metadata,
    sa.Column("task_id", sa.String(36), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),  # of the step that it was taken behind
    sa.Column("content", sa.LargeBinary, nullable=False),  # sealed tar.gz
    sa.Column("saved_at", sa.BigInteger, nullable=False),
)

snapshots = sa.Table(
    "task_snapshots",
    metadata,
    sa.Column("task_id", sa.String(36), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),  # of the step that it was taken behind
    sa.Column("attempt", sa.Integer, nullable=False),  # the claim under which it was taken
    sa.Column("manifest", sa.LargeBinary, nullable=False),  # sealed: what the workspace held, in which blobs
    sa.Column("saved_at", sa.BigInteger, nullable=False),
)

blobs = sa.Table(
    "task_blobs",
    metadata,
    sa.Column("task_id", sa.String(36), primary_key=True),  # it may outlive the task, until it is collected
    sa.Column("name", sa.String(64), primary_key=True),  # SHA-256 of the stored bytes
    sa.Column("content", sa.LargeBinary),  # sealed contents of files; null when it is kept outside
    sa.Column("head", sa.LargeBinary, nullable=False),  # the first bytes of that, which name the key
    sa.Column("size", sa.BigInteger, nullable=False),  # of the stored bytes
    sa.Column("saved_at", sa.BigInteger, nullable=False),
)

SEALED = (
    tasks.c.secrets,
    steps.c.result,
    checkpoints.c.value,
    workspaces.c.content,
    snapshots.c.manifest,
    blobs.c.head,
)
"""All columns that hold sealed data, or its beginning: a key that one of their rows needs is kept."""
