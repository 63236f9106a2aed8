"""What the scaffolder offers to its callers: HTTP, agents, the command line and Backstage's actions protocol.

``service`` is the whole; ``authorized`` is the same for callers who may not do everything. Around it: ``templates``
and their forms, ``oneoff`` (a run that no store knows) and ``dryrun`` on top of it, ``events`` (following a task),
``invocation`` (one action by itself), ``remote_actions`` (actions that run elsewhere) and ``autocomplete``.

It promises Backstage's answers and errors as values; HTTP itself is in ``backstage_py.http``.
"""
