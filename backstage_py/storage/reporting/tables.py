"""The tables of what a platform is measured by. Times are integers: milliseconds since 1970."""

import sqlalchemy as sa

metadata = sa.MetaData()

platform_events = sa.Table(
    "platform_events",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),  # the same for the same fact, however often it is told
    sa.Column("type", sa.String(32), nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),  # when it happened, by whoever it happened to
    sa.Column("repository", sa.Text),  # host/path
    sa.Column("entity_ref", sa.Text),
    sa.Column("template_ref", sa.Text),
    sa.Column("owner_ref", sa.Text),
    sa.Column("subject", sa.Text),  # a task, a deployment, an incident
    sa.Column("environment", sa.Text),
    sa.Column("revision", sa.Text),
    sa.Column("traits", sa.Text, nullable=False),  # JSON object
)
sa.Index("platform_events_at", platform_events.c.at)
