"""``python -m tests.cluster up FOLDER`` starts a cluster for a run of tests, ``down FOLDER`` ends it."""

import sys
from pathlib import Path

from tests.cluster import kit

command, folder = sys.argv[1], Path(sys.argv[2]).resolve()
if kit.program() is None:
    sys.exit("no cluster kit that this user and machine can run")
if command == "up":
    kit.down(folder)  # of a run that was killed
    kit.up(folder)
else:
    kit.down(folder)
