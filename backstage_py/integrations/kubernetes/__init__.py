"""Kubernetes: what actions do with a cluster, through the official client.

``clusters`` says which there are and ``kubeconfig`` reads some of them, ``rules`` who may use them for what.
``connection`` opens one and makes foreign errors ours, ``discovery`` knows its kinds; both block and run in threads.
``api`` is the door: objects are got, listed, applied, deleted and watched with ``await``. On it stand ``applying``
(manifests), ``applied_set`` (what is pruned), ``waiting`` (until something is so; ``silence`` when it says nothing) and
``pods`` (why it is not). Pure
are ``manifest`` and ``refs`` (what a manifest holds), ``readiness``, ``criteria`` and ``jsonpath`` (what is ready),
``differences`` and ``denials`` (what a cluster would change, and why it refuses).

Promised: objects are merged by the cluster, so that what others own of an object stays theirs; a kind, name or
namespace of a manifest reaches no other place of the API; a wait is bounded, can be cancelled, and outlives restarts of
the API server. What an object means to its controller (Crossplane, Argo CD, …) does not belong here.
"""
