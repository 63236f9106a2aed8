"""The Node process that the tests of this folder ask."""

from tests.oracle.node import regex_oracle

__all__ = ["regex_oracle"]
