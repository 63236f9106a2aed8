"""Every foreign system, behind an adapter that speaks this project's types and errors.

What lives here: ``hosts`` (the git hosts of ``integrations``, their URLs, files and trees by URL), ``forges`` (what is
made on them), ``directories`` (LDAP and Microsoft Graph), ``web`` (HTTP with one policy for all), ``patience`` (limits
of the rate of requests), ``paging`` (lists with an end),
``children`` (untrusted work in processes of its own: cookiecutter, JSONata), ``git`` with
``ignored_files``, a module per system:
``github`` with ``github_autocomplete``, ``bucket`` for S3, ``kubernetes`` with ``kubernetes_clusters``, ``argocd``,
``slack``, ``vault``, and ``backstage`` for other Backstage plugins.

What it promises: foreign errors become ours in one place per system; every answer, archive and wait is bounded; no
token stands in a URL, a command line or a message; heavy clients are imported when they are first used, and run in
threads when they block.

What does not belong: what a template wants from a system (that is an action), and who may ask for it.
"""
