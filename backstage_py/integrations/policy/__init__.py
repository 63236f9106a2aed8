"""Policies over what a task made and asks for: Rego here or in an OPA server, and the admission of a cluster.

``subject`` is what is judged: files with the places of their values, and the request. ``rego`` evaluates in a bounded
child, ``opa`` asks a server by its REST API, ``admission`` has a cluster judge manifests in a dry run (Kyverno and its
like). ``findings`` reads what they say, each with policy, rule, file and line. ``checks`` are the operator's, as
``scaffolder.policies`` has them.

Promised: a policy that cannot be asked, or has no rules, denies; nothing that it was not asked about is sent anywhere.
"""
