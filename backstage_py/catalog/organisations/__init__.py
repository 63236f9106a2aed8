"""People and teams of a directory as entities: pure functions from what was read to users and groups.

A module for each kind of directory; what they share (who is whose parent and child, paths of configured values) is
``hierarchy`` and ``paths``. How a directory is asked belongs to ``integrations.directories``, when it is asked and
what becomes of the entities to ``sources``. The rules are those of Backstage's modules for the same directories, which
the tests replay.
"""
