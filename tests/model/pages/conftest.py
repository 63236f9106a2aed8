"""The Node process that the tests of this folder ask."""

from tests.oracle.node import page_oracle

__all__ = ["page_oracle"]
