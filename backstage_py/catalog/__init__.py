"""The software catalog: entities from their sources to the tables that readers ask.

A provider names entities; ``pipeline`` turns each into a processed entity, relations, and further entities that it
brings; ``engine`` runs that for whatever is due and has each result written in one transaction; ``stitching`` puts
processed entities and relations together into final ones; ``service`` is the door for HTTP and for actions.

It promises that what was committed is never lost or doubled by a crash, that an unchanged source causes no write, and
that one bad file costs only what is in it. SQL does not belong here (``storage``), nor what a request looks like
(``http``), nor how a URL is read (``integrations``).
"""
