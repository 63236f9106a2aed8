"""The one way to put a run or a process of the service together; only this room opens and closes things.

What lives here:

- ``stand_in``: what takes the place of foreign systems; the command line and the test kit hand it in.
- ``outside``: the way out of a process: one HTTP client, the git hosts, and the ``Services`` made of them.
- ``services``: ``async with services(settings, stand_ins)``, for a run that has no server and no database.
- ``in_process`` and ``run_catalog``: the plugins and the catalog of such a run.
- ``scaffolder``: the scaffolder's parts for one database.
- ``process``: what each process of the service has, the one that answers and its workers.
- ``keys``: which keys wrap, which were in use before, and all that are in the database.
- ``identity``: who signs, who is believed.
- ``handover``: what the service tells the worker processes beside it.

It promises that ``backstage_py.app``, the author's commands and the test kit are made of the same parts, and that
leaving a block closes what entering it opened, in the opposite order: every part that starts and stops is entered as
``async with part.running()``.

Decisions do not belong here, nor do faces (``http``, ``mcp``), the sandbox, or whatever knows an author's files.
"""
