"""What is kept: tables, migrations, and one store per noun, over SQLite or PostgreSQL.

A store offers verbs (``claim``, ``append``), each one transaction, and returns values of ``model``. It promises that
what it has answered is on disk, and that whoever waits for a topic is woken after the commit and never before.
No rule of Backstage is decided here, and nothing above this package writes SQL.
"""
