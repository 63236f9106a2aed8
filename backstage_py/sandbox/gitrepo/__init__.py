"""Bare repositories, read and changed through git's plumbing, without a work tree.

What lives here: git processes in a hardened environment (``process``), objects (``objects``), refs (``refs``) and
commits made of file changes (``changes``).

What it promises: no shell, no configuration of the machine or its user, no hooks, bounded output and time; a ref moves
only from the value that was read (compare and swap).

What does not belong: HTTP, GitHub's shapes, and checks of names, which callers do with ``sandbox.names`` first.
"""
