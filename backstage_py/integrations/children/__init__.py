"""Programs and untrusted work in processes of their own, which may loop, grow or crash without harm.

``child`` is the one way to start them: below ``supervisor``, a program that bounds them and ends them with their task,
within ``limits``. ``process`` does so for a job, work on untrusted input in Python; each job is a pair: the side that
asks (``jsonata``) and the module that the child executes (``jsonata_job``), which imports as little as it can.
"""
