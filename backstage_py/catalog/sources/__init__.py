"""Where entities come from, and how they are read.

``providers`` are those of locations, and ``configured`` those of ``catalog.providers``, of which ``github`` and
``git_hosts`` have some; ``known_files`` are files that they have seen already, ``scheduled`` is one that reads all it
has. A provider is ``connected`` through a ``connection``, with its ``rounds`` and its ``state``; ``deliveries`` are
what others tell.

``reading`` reads the targets of locations and ``documents`` the YAML in them; ``bounded_reading`` keeps one request
from causing thousands of reads; ``placeholders`` are replaced by other files; ``emitted`` is an entity as it comes out
of that. ``analyze`` looks what a repository has for the catalog, with ``github_search``.

It promises that what is wrong with a source becomes a fault of what names it, never an exception that stops others.
What is done to an entity then is not decided here (``pipeline``).
"""
