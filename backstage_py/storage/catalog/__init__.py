"""The catalog at rest.

In the order in which an entity passes: ``locations`` and ``claims`` name it, ``refresh`` holds what is to be processed
and takes what came of it (as ``records``; ``children`` and ``results`` write them), ``stitching`` its final form,
``search_index`` how it is found. Readers ask ``entities``; ``finder`` finds which ones, with ``pages`` of them,
``search`` for filters as SQL, ``search_columns`` and ``memory`` for what is kept within a generation. ``marks`` are the
counters and the lock that all of them use, ``queues`` what is marked and claimed, ``removal`` takes entities out again,
``tables`` say what is kept.

``lease`` is the fence: each write of shared work asks in its transaction whether its lease still holds. ``leases``
gives them, to a ``holder``; ``due`` and ``schedules`` say when things are done again, by the database's clock.

Each function of a store is one transaction. Which entity is to be kept, or how it is processed, is decided elsewhere.
"""
