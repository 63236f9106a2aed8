"""Waking whoever waits for a topic when a commit touched it, over threads, processes and machines.

``hub`` is what others use; ``sockets`` carry wakes between processes that share an SQLite file, ``postgres`` between
those that share a PostgreSQL database. A wake may come too often, never not at all. What a topic means is not known
here, and no data travels with a wake.
"""
