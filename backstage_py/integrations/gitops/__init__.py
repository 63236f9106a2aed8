"""What Argo CD and Flux mean by their objects: pure, of values as a cluster or Argo CD's API gives them.

``applications`` makes Applications and judges them, ``flux`` does so for Kustomizations, HelmReleases and their
sources. ``faults`` tells what passes from what stays, ``revisions`` whether a commit is the one that is meant.

Promised: done is said only of a status that is of the object as it is now, and of the revision that was asked for; what
is not well is named with the resource that is to blame. Calls of a cluster do not belong here.
"""
