"""Every foreign system, behind an adapter that speaks this project's types and errors.

What lives here: the git hosts of ``integrations`` and their URLs, reading files and trees by URL, HTTP with one
policy for all, git, GitHub, cookiecutter, and the HTTP clients for other Backstage plugins.

What it promises: foreign errors become ours in one place per system; every answer, archive and wait is bounded; no
token stands in a URL, a command line or a message; heavy clients are imported when they are first used, and run in
threads when they block.

What does not belong: what a template wants from a system (that is an action), and who may ask for it.
"""
