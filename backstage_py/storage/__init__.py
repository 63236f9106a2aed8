"""What is kept: tables, migrations, and one store per noun, over SQLite or PostgreSQL.

``database`` is what all stores share: short reads, writes, and ``wakes`` behind commits; ``sqlite`` and ``postgres``
own its threads and connections. ``bulk`` and ``prepared`` make statements cheap, ``clock`` is the database's own,
``faults`` says what its errors mean, ``outages`` how a server that is away is survived. ``migrate`` brings the tables
up to date; the stores are in ``scaffolder``, ``catalog`` and ``keys``.

A store offers verbs (``claim``, ``append``), each one transaction, and returns values of ``model``. It promises that
what it has answered is on disk, and that whoever waits for a topic is woken after the commit and never before.

A connection may be lost when a commit was sent and its answer was not heard; then nobody knows whether it was done.
Such a write is sent again only if it is said to be repeatable (``Database.write``): what it inserts has a key that was
chosen before the first try, or it changes nothing once what it looks for is changed. A write that is not goes back to
its caller as 503. A server that was frozen may carry out the first try after the second one.

No rule of Backstage is decided here, and nothing above this package writes SQL.
"""
