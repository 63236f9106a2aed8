"""What is made on git hosts: repositories, requests to merge, protection and webhooks, one file for each kind of host.

``forge`` is the one interface, the others are hosts behind it. The next host is one file here: a class
that keeps the promises of ``forge.Forge``, over the host's own client or over ``rest`` where it has none. What a
template wants of it (inputs, outputs, order, once for each task) stands in the actions, with ``backstage_py_actions.
hosting`` for what they have in common; how files of a host are read by URL, in ``integrations.hosts``.

What it promises: a refusal is of the class that its status has in ``errors``, in the host's words and with what to do
about it; a limit of the rate is waited for as ``patience`` says; a thing that is found is this task's.
"""
