"""Templates become tasks, and tasks become results.

Here live the pure decisions (``steps``: what a step does given what happened before; ``redaction``: what may be
shown), the thin parts that act on them (``runner``, ``action_call``, ``worker``, ``recovery``, ``janitor``), the
same run without a store (``dryrun``), the stream of events (``events``) and the face that HTTP and the command line
call (``service``).

It promises: a step's output, state and events are stored in one transaction; a step that recorded its end never runs
again under recovery; an event reaches whoever follows the task once, in order, within milliseconds of its commit; a
secret of a task is in no log, event, error or dry-run answer, and is gone from the store when the task ends.

SQL does not belong here (``storage``), nor do HTTP (``http``), the catalog (a protocol of ``plugin.services``), or
the actions themselves.
"""
