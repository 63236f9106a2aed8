"""Where the code of an action executes, so that none of it can hold up the service.

``executor`` is the protocol and the one place that chooses: ``inline`` runs our own actions on the service's loop,
``in_thread`` runs those of others in a thread with a loop of its own, from which they reach the service's objects over
a ``bridge``. ``step_output`` takes what a handler returns, ``error_text`` what it raises. ``leftovers`` counts threads
that do not end, ``loop_watch`` names whoever blocks the service's loop, ``stacks`` says where code is.

It promises: a cancelled action is left within a second; what is left behind is counted, bounded and named; actions
never take more threads than ``backstage_py.threads`` allows, whatever waits. Results, retries and records belong to
``run``, threads for the service's own work to ``backstage_py.threads``.
"""
