"""A task's way through the queue: claimed, kept alive, run, ended, and found again when its worker is gone.

Read in this order: ``worker`` claims and shows that it lives (``worker_life``), ``task_runner`` takes one claim from
its folder (``workspaces``) to its completion, ``recovery`` opens tasks of dead workers again, ``janitor`` cleans up.

It promises: a task that was accepted ends exactly once, whatever dies meanwhile. What a step does is not decided here
(``run``), nor is any SQL written here (``backstage_py.storage``).
"""
