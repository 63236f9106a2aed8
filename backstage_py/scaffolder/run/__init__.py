"""One run of a template's steps, in the service, in a dry run and on an author's machine alike.

Read in this order: ``spec`` is what is run, ``equipment`` with what, ``steps`` decides what a step does without doing
it, ``rendering`` gives it values, ``references`` those of a vault, ``action_gate`` says whether it may, ``action_call``
calls its action, ``journal`` records what happened, and ``runner`` does all of that for one step after the other.
``redaction`` and ``split_secrets`` stand before everything that is shown; ``occurrences`` searches for them.
``budget`` bounds what all of that may take, and says what of it leaves the event loop; ``workspace_watch`` bounds what
it leaves on the disk.

It promises: a step's output, record and events are written together; a secret is in no message (``SECURITY.md`` says of
what that holds); no action starts but through its gate. Where an action executes is not decided here (``executors``),
nor when a task runs and how often (``queue``).
"""
