"""Terraform or OpenTofu, the user's own binary, for configurations that templates bring.

``rules`` reads what the operator lets them use, ``tokens`` and ``scan`` read a configuration before the binary does and
refuse what the rules do not hold: provisioners, backends, modules from elsewhere, and files outside of the folder.
``program`` runs the binary in a bounded child, with no environment but the operator's; ``plans`` seals a plan, so that
only what was planned here, of a folder that has not changed, is applied.

Promised: without rules nothing runs; providers come from the operator's list alone, as the binary itself enforces.
"""
