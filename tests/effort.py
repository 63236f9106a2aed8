"""How hard tests try that can try without end: a plain run takes some minutes, CI asks for more.

``BACKSTAGE_PY_EXAMPLES`` is the number of generated cases of each such test.
"""

import os

EXAMPLES = int(os.environ.get("BACKSTAGE_PY_EXAMPLES", "50"))
IS_THOROUGH = EXAMPLES >= 1000
