"""``roadiehq:utils:*``: the community's utilities for files and data, under the ids that templates in the field use.

What lives here: one module per kind of work, and the JavaScript semantics that outputs of the originals show
(``merging``, ``indentation``). What it promises: every path stays in the workspace, every file that is read has a
bound, expressions and patterns of templates run in bounded time. What does not belong: anything that leaves the
workspace.
"""

from backstage_py.plugin import Action
from backstage_py_actions.roadiehq import archive, files, jsonata, merge, replace, serialize, sleep

ACTIONS: tuple[Action, ...] = (
    *files.ACTIONS,
    *replace.ACTIONS,
    *merge.ACTIONS,
    *serialize.ACTIONS,
    *jsonata.ACTIONS,
    *sleep.ACTIONS,
    *archive.ACTIONS,
)
