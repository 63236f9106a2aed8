"""A task's way through the queue: claimed, kept alive, run, ended, recovered when its worker is gone.

Read in this order: ``worker`` claims tasks and holds a lock while it lives (``worker_lock``), ``attempt`` takes one
claim from its folder (``workspaces``) to its completion, ``recovery`` reopens the tasks of dead workers, ``janitor``
cleans up.

It promises: a task that was accepted ends exactly once, whatever dies meanwhile. What a step does is not decided here
(``run``), nor is any SQL written here (``backstage_py.storage``).
"""
