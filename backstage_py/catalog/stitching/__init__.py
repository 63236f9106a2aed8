"""From processed entities and relations to what readers get.

``final`` puts one together, purely; ``stitcher`` is the loop that does so for what is marked, in batches.

It promises that only what changed is written. What an entity is made from is decided before (``pipeline``).
"""
