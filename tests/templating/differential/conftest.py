"""The Node process that the tests of this folder ask."""

from tests.oracle.node import template_oracle

__all__ = ["template_oracle"]
