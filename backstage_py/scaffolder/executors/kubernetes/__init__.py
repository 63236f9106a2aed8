"""Steps in pods: each call of an action becomes a Kubernetes Job, whose pod calls back.

Read in this order: ``job`` is the Job as the cluster gets it, ``reasons`` what its status means; ``fleet`` makes,
watches and deletes Jobs; ``sessions`` are what a pod and the service say to each other, ``workspace`` the folder that
travels, ``lent`` what of the service's credentials goes along; ``pod`` is a Job with its session, ``pods`` those of an
attempt, ``execution`` one call of a handler, ``executor`` all of it for one process. Pods reach it through
``http.execution``.

It promises: a Job is made once; a pod says and does nothing for an attempt that is over, and has no way to the database
or to anything else of the service; what a pod does not say itself, it is said why, in words for the user of the task.
The journal decides: a pod may vanish, repeat itself, or come late.
"""
