"""Backstage's scaffolder and catalog as a Python service, and the tools of template authors."""

__version__ = "0.1.0"
