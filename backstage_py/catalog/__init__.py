"""The software catalog: entities from their sources to the tables that readers ask.

``sources`` name and read entities, ``organisations`` make some of people and teams; ``pipeline`` turns each into a
processed entity, relations, and further entities that it brings; ``stitching`` puts processed entities and relations
together into final ones; ``queries`` ask for those. ``worker`` is what one process does of it: processes of one
database share the work by leases (``sharing``, and docs/replicas.md), and wait for a database that is away
(``outages``). ``service`` is the door for HTTP and for actions, ``authorized`` the same for callers who may not do
everything, ``client`` the catalog as actions see it. ``faults`` are what the status of an entity shows.

It promises that what was committed is never lost or doubled by a crash, that whoever has lost its lease writes nothing,
that of an unchanged source only the next reading is noted, and that one bad file costs only what is in it. SQL does not
belong here (``storage``), nor what a request looks like (``http``), nor how a URL is read (``integrations``).
"""
