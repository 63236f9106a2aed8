"""The Node process that the differential tests of this folder ask."""

from tests.oracle.node import yaml_oracle

__all__ = ["yaml_oracle"]
