"""The part of GitHub's REST API that the built-in actions, the URL reader and PyGithub use, one noun per module.

Each module holds the JSON shapes of its noun, its handlers, and ``ROUTES`` with paths below the API's root. A route of
a longer path stands before a shorter one, since branch names and file paths may hold slashes.
"""
