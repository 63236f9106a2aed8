"""Actions in processes of their own on this machine: a process for each run that needs one, forked of a zygote.

- ``executor``: calls handlers there, one after the other for a run; ``places``: how many such processes there are.
- ``zygote``: the process that has the plugins loaded and forks (``execution.zygote``), seen from the service.
- ``child``: one process, seen from the service: its messages, its output, its end; ``limits``: its bounds, in words.

It promises that a handler, whatever it does to its process, ends its own step at most; that a cancelled one is gone
within a second; and that nothing of it is left, no process and no file. It is no wall between users of one machine:
who runs there is the same user as the service.
"""
