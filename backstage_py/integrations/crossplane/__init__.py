"""Crossplane: resources of clouds as objects of a cluster, on the adapter ``integrations.kubernetes``.

``definitions`` reads the CompositeResourceDefinition of a kind, which says how it has to be written: composites of
version 1 and claims have Crossplane's own fields in ``spec``, composites of version 2 in ``spec.crossplane``.
``checking`` holds an object against its schema before anything is applied. ``tree`` reads what a composite is made of,
``composing`` waits until all of it is ready. ``deliveries`` says what is applied and what is written to a repository,
``delivering`` writes it there, on ``deployed``. ``offers`` is what the operator configured and ``orders`` what is asked
for; ``provisioning`` has it done in all environments, those of a repository by ``repositories``.

Promised: an object that the definition refuses is not applied; one is ready only when its controller has seen it as it
is now, says so in several looks, and none of what it is made of has failed; what fails is named, however deep it lies.
"""
