"""Checks against a real Backstage backend. They are no part of a normal run: the backend is 500 MB of npm packages.

``BACKSTAGE_PY_ANCHOR`` names a folder whose ``node_modules`` hold it, and ``BACKSTAGE_PY_NODE`` the Node.js to run it
with (22 or later); see ``tests/anchor/README.md``.
"""

import os

collect_ignore_glob = [] if os.environ.get("BACKSTAGE_PY_ANCHOR") else ["test_*.py"]
