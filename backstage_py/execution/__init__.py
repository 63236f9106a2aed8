"""The protocol between the service and the process that runs an action, and the action's side of it.

What lives here:

- ``messages``: what the two sides say, and its check; ``values``: what of our own types goes along; ``failures``:
  errors; ``allowed``: which services may be asked for what.
- ``channel``: how messages travel, as protocols; ``stream``: over a socket.
- ``connection``: one end of a channel for the action: what it says, and the answers to what it asks.
- ``handler``: calls actions with a context whose members (``asking``) say and ask; ``outputs``: what they return.

It promises that the action's side needs neither database nor scaffolder, and that whatever that side sends is checked
before anybody acts on it: the code that runs there is not ours. Who may be asked for what, and what an answer is,
belongs to the service's side, ``scaffolder.executors.host``.
"""
