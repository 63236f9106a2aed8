"""Repositories of git hosts besides GitHub as sources, and the people of GitLab.

A module for each kind of host; ``api`` asks them with the credentials of ``integrations``, ``discovery`` is what their
providers share. Names, requests and entities are those of Backstage's modules, which the tests replay. What follows an
event at once is ours where those modules hear of none.

A reading takes all pages or fails: what a host gives in part would remove the rest.
"""
