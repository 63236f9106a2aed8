"""Waking whoever waits for a topic when a commit touched it, over threads, processes and machines.

``wake`` is what others use; ``wake_sockets`` carries wakes between processes that share an SQLite file,
``wake_postgres`` between those that share a PostgreSQL database. A wake may come too often, never not at all.
"""
