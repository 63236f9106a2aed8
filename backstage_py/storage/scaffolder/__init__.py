"""Tasks at rest: the tasks and their claims, events, checkpoints, workspace snapshots, and how secrets are sealed.

Each function of a store is one transaction. What a task means is not known here.
"""
