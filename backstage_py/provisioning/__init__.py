"""Resources of a platform for those who may have them: databases and their like, asked for by people and services.

``authorized`` decides who may ask for which team and has it done by ``integrations.crossplane``; ``catalog`` keeps an
entity of each in the catalog; ``counted`` makes events of what no task asked for. Promised: a user gets
what the permission policy allows for teams of which the catalog says that the user is a member; a service what its
token is allowed. How a resource is made does not belong here, nor HTTP.
"""
