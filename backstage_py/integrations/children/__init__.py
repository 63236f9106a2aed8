"""Work on untrusted input in a Python process of its own, which may loop, grow or crash without harm.

``process`` starts, bounds and ends such a process; each job is a pair: the side that asks (``jsonata``) and the
module that the child executes (``jsonata_job``), which imports as little as it can.
"""
