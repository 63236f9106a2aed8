"""From an entity as its source has it to what is written.

``core`` decides, purely: with ``annotations``, ``rules`` and ``processor_options``. ``reads`` and ``plugins`` do what
takes time, for a ``run`` with its ``collector``; ``processing`` puts the three in their order. ``results`` are what
became of an entity, as what the store writes. ``engine`` drives it all, by marks and by the ``schedule``; ``preview``
runs it without storing anything.

It promises that an entity which needs nothing but itself is processed by ``core`` alone, in any thread. How a file is
found and parsed does not belong here (``sources``).
"""
