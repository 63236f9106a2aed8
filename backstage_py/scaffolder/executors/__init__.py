"""What runs an action's handler: ``inline`` on the service's loop, ``process`` in a process of its run's, or a thread.

``executor`` has the protocols; ``choice`` says which executor runs an action. ``inline`` is for our own async actions,
which never block. All others speak the protocol of ``backstage_py.execution``: ``host`` is its service's side for one
call (``kept`` its checkpoints), ``line`` numbers the messages and ``wire`` carries them over a socket to a handler in
``process`` or ``in_thread``. ``error_text`` is what a task shows of an error; ``loop_watch`` names who blocks the loop.

It promises: a cancelled action is left within a second; in a process it is ended with all that it started, and what it
does meanwhile harms nobody else. When an action is called, with which input, and what its end means belongs to ``run``.
"""
