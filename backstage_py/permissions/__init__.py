"""What callers may do, as the operator's policy says.

Here live the permissions by name, the conditions with which a policy answers (``criteria``) and the rules that they are
made of, the client of a Backstage's permission backend, and ``Authority``, which every face asks. The answers are
those of Backstage's ``plugin-permission-node``: services are judged by their access restrictions alone, users by the
policy, and when the policy cannot be asked nobody is let through.

What a decision means for entities and tasks is the matter of ``catalog.authorized`` and ``scaffolder.authorized``.
Writing a policy does not belong here: that is the permission backend's.
"""
