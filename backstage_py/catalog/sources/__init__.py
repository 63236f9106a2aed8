"""Where entities come from, and how they are read.

``providers`` tell what there is; ``reading`` reads the targets of locations and ``documents`` the YAML in them;
``bounded_reading`` keeps one request from causing thousands of reads; ``placeholders`` are replaced by other files;
``emitted`` is an entity as it comes out of that. ``connected`` has a provider connected through a ``connection``, with
its ``rounds`` and its ``state``; ``deliveries`` are what other systems tell. ``analyze`` looks what a repository has
for the catalog, with ``github_search``.

It promises that what is wrong with a source becomes a fault of what names it, never an exception that stops others.
What is done to an entity then is not decided here (``pipeline``).
"""
