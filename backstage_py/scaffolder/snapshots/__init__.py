"""Snapshots of workspaces, so that a task goes on behind its last completed step wherever its next attempt runs.

What a folder holds is looked at, packed into blobs and restored by ``backstage_py.folders``. ``store`` keeps manifests
and blobs, ``taker`` does this for one attempt, ``snapshots`` is what an attempt is given. ``providers`` are places for
blobs outside of the database; ``archives`` reads what an earlier version has kept.

A content is stored once for all steps and attempts of a task, and when nothing changed nothing is written. Manifests
are in the database and written under the attempt's claim, so an attempt that lost its task changes nothing; a blob is
named after its bytes, sealed, and never written twice. What is restored stays within its folder, whatever it was.

Both are plain bytes under a name, so that whoever has no access to the database can be handed them.
"""
