"""Vault and OpenBao through hvac, in threads.

- ``server``: a server of the configuration, and how a client signs in to it and out again.
- ``problems``: hvac's errors as ours, with what to do about each.
- ``engines``: what is mounted where; key-value engines of both versions, and engines that give leases.
- ``rules``: which templates may read and change what: the operator's ``vault.allow``.
- ``references``: ``mount/path#key`` of a run, resolved when a step needs it; what was leased ends with the run.
- ``administration``: policies, roles of the Kubernetes auth method, roles of databases.

A value that was read is in no log, no error and no return value but the one that was asked for.
"""
