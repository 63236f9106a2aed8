"""The table of keys. Times are integers: milliseconds since 1970, by the database's clock."""

import sqlalchemy as sa

metadata = sa.MetaData()

keys = sa.Table(
    "service_keys",
    metadata,
    sa.Column("purpose", sa.String(16), primary_key=True),
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column(
        "generation", sa.Integer
    ),  # one key of each is used in its turn; NULL for one that only verifies or opens
    sa.Column("is_bare", sa.Boolean, nullable=False),  # what it sealed does not name it: it is older than this table
    sa.Column("public", sa.Text),  # JSON Web Key of a signing key
    sa.Column("content", sa.LargeBinary),  # the private key; NULL where a file holds it
    sa.Column("wrapped_by", sa.String(16)),  # id of the wrapping key; NULL for a content that is not wrapped
    sa.Column("used_from", sa.BigInteger, nullable=False),
    sa.Column("seen_at", sa.BigInteger),  # when a process last had the key in a file; NULL for keys of the database
    sa.UniqueConstraint("purpose", "generation"),
)
