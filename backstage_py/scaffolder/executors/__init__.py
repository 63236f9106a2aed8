"""Where the code of an action executes, so that none of it can hold up the service.

Our own actions run on the service's loop. Actions of others run in a thread with a loop of its own (``in_thread``,
``threads``) and reach the service's objects over a ``bridge``; a thread that does not end is accounted for in
``leftovers``; ``loop_watch`` names whoever blocks the service's loop all the same.

It promises: a cancelled action is left within a second, and what is left behind is counted, bounded and named.
Results, retries and records belong to ``run``.
"""
