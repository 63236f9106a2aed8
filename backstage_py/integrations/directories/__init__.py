"""Directories of people and teams: LDAP servers and Microsoft Graph.

What lives here: how they are asked, page after page, and what their refusals mean in our errors. What their records
become in the catalog is said in ``catalog.organisations``.
"""
