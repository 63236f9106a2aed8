"""What is kept: tables, migrations, and one store per noun, over SQLite or PostgreSQL.

``database`` is what all stores share: short reads, writes in batches, and ``wakes`` behind commits; ``bulk`` and
``prepared`` make its statements cheap, ``leadership`` gives a task to one process at a time,
``faults`` says what a database's errors mean. ``migrate`` brings the
tables up to date; the stores are in ``scaffolder``, ``catalog`` and ``keys``, and ``sealing`` encrypts for them.

A store offers verbs (``claim``, ``append``), each one transaction, and returns values of ``model``. It promises that
what it has answered is on disk, and that whoever waits for a topic is woken after the commit and never before.
No rule of Backstage is decided here, and nothing above this package writes SQL.
"""
