"""A task's way through the queue: claimed, kept alive, run, ended, recovered when its worker is gone.

Read in this order: ``worker`` claims tasks and holds a lock while it lives (``worker_lock``), ``attempt`` takes one
claim from its folder (``workspaces``, ``removal``) to its completion and asks for its ``lease`` on the way,
``recovery`` reopens the tasks of workers that are dead or silent (``silence``), ``janitor`` cleans up.

The attempt, a task and the number of a claim, is the unit: its folder, lease, journal and entry in the worker are its
own. It promises: a task that was accepted ends exactly once, whatever dies meanwhile, and an attempt that lost its
task neither writes nor deletes what is another one's. What a step does is not decided here
(``run``), nor is any SQL written here (``backstage_py.storage``).
"""
