"""Tasks at rest, and all that belongs to them.

``tables`` say what is kept; ``tasks`` are created, listed, cancelled and opened again, ``claims`` are held by whoever
runs one and writes for it, which ``fence`` makes sure of. ``events`` are what followers read; ``progress``,
``checkpoints`` and ``snapshots`` what a run goes on from (``workspaces``: as it was before). ``upkeep`` is for
tasks that nobody runs any more, ``secrets`` seals what nobody may read.

It promises that a run which lost its claim writes nothing, and that a step, its events and the task's state are one
transaction. What a task means is not known here.
"""
