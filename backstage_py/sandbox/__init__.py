"""A loopback git host that stands in for GitHub, so that a whole golden path runs without any account.

What lives here: the part of GitHub's REST API that the built-in actions and the URL reader use (``rest/``), git's
smart HTTP protocol through ``git http-backend`` (``smart_http``), raw files, archives and a few readable pages, the
bare repositories with their records on disk (``gitrepo/``, ``store``), and the GitOps answer to a request for a
database (``crossplane``).

What it promises: it takes the place of a host by configuration only (``SandboxSettings.integrations``), so no action
knows about it; answers have the shapes of GitHub's OpenAPI description (held by a contract test); everything kept is
in files below one folder, and a restart loses nothing; no owner, repository, ref or file name leaves that folder; no
token is written or logged.

What does not belong: permissions beyond "a token may do everything, nobody else may write", limits of use, and the
enforcement of what is recorded (protection rules, hooks and dispatched workflows are kept and shown, not acted upon).

Doors: ``app.create_sandbox_app``, ``server.serve_sandbox``, ``crossplane.crossplane_routes``.
"""

from backstage_py import extras

extras.require("The sandbox", "serve")
