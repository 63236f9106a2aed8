"""Organisations on GitHub as sources: their repositories with catalog files, and their people.

``discovery`` has the repositories: ``queries`` asks for them, ``repository`` is one of them with what is said about it,
``pushes`` what a push has changed.

A reading takes all pages or fails: what GitHub gives in part would remove the rest.
"""
