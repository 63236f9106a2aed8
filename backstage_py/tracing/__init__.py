"""Traces by OpenTelemetry, which is imported where its environment variables ask for it and nowhere else.

What lives here:

- ``spans``: what the service says: a request, a task, a step; ids for log lines; headers for requests to others.
- ``exporting``: sets the library up as its variables say.
- ``forwarding``: spans of actions in processes of their own.

It promises that nothing is imported, made or kept while traces are off: a span is then one look at a variable.

A task is a trace of its own, whose id follows from the task's: attempts in several processes are in the same one.
Metrics and logs are not sent this way: Prometheus reads the first, and lines carry the ids.
"""
