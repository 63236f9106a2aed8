"""Argo CD through its REST API.

``instances`` says which there are and who may use them for what; ``server`` calls one, and what it refuses becomes ours
in ``server.foreign_errors``; ``waiting`` looks at an Application until it is as somebody wants it. How Applications are
written and how they stand says ``integrations.gitops.applications``.
"""
