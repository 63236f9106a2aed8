"""Templates and values on an author's machine, for the commands.

- ``local_template``: a template's file, the values that are given for it, and those that its form starts with.
- ``local_scaffolder``: runs it in this process, with the services of ``backstage_py.wiring``.
- ``local_actions`` and ``known_actions``: a project's own actions, and all that a check knows.

How services are put together does not belong here.
"""
