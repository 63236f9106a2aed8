"""The Node process that the tests of this folder ask."""

from tests.oracle.node import schema_oracle

__all__ = ["schema_oracle"]
