"""Score workloads (score.dev/v1b1) as Kubernetes manifests.

``workload`` reads a file and holds it against the published schema (``schemas/score-v1b1.json``, as it is), with file
and line in what it says. ``placeholders`` reads ``${resources.db.host}``, ``resources`` says by the operator's
configuration what a resource is, ``pods`` makes containers with their variables, files and volumes, and ``manifests``
the objects around them. All of it is pure; files that a workload names are handed in.

Promised: the same workload makes the same objects; a secret is only ever referred to, in a ``secretKeyRef`` or in a
mounted Secret, and what cannot be said in Kubernetes is refused, not left out.
"""
