"""``fetch:*`` and ``workspace:template*``: bringing files into the workspace, as they are or rendered.

Where content comes from is ``source``; what a skeleton holds is ``skeleton``; how it becomes output is ``rendering``;
``output`` writes, with every path contained at the moment of writing. A local skeleton of files that did not change is
read once; the whole of a fetch runs in one thread.
"""

from backstage_py.plugin import Action
from backstage_py_actions.fetch.cookiecutter import fetch_cookiecutter
from backstage_py_actions.fetch.plain import fetch_plain, fetch_plain_file
from backstage_py_actions.fetch.template import (
    fetch_template,
    fetch_template_file,
    workspace_template,
    workspace_template_file,
)

ACTIONS: tuple[Action, ...] = (
    fetch_plain,
    fetch_plain_file,
    fetch_template,
    fetch_template_file,
    fetch_cookiecutter,
    workspace_template,
    workspace_template_file,
)
