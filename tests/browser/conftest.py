"""A tour of Backstage's own frontend in a browser. It is no part of a normal run: a frontend has to be built first.

``BACKSTAGE_PY_FRONTEND`` names the folder ``dist`` of a built frontend; see ``tests/browser/README.md``.
"""

import os

collect_ignore_glob = [] if os.environ.get("BACKSTAGE_PY_FRONTEND") else ["test_*.py"]
