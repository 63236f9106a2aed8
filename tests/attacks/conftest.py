"""Attacks act through public doors: a template's action input, a URL, a form, an account. By class:

=====================  ==========================================================================================
``provenance``         where something came from: annotations, placeholders, rules, registrations
``foreign_checkouts``  author commands in a repository of somebody else: nothing executed, sent or followed
``author_input``       author commands on odd input: a sentence, never a traceback
``budgets``            work of one request, run or form: steps, bytes, time; what is heavy leaves the event loop
``children``           processes that work for a step: memory, CPU, files, environment, their end
``disk``               what a task leaves: folders, logs, outputs, snapshots, the room on disks
``archives``           links, bombs, broken and contradicting members
``gates``              the policy wherever an action starts, and rights that are lost
``exits``              where requests go: one spelling of a host, no path out of its root
``redaction_exits``    what texts show: logs, errors, results
``identity``           tokens, floods of them, guests
``slow_clients``       connections that are held or half sent
``predicates``         queries that are deeper or wider than a database takes
``fuzz``               generated queries, cursors, files, templates, forms: no answer is a 5xx
``advisories``         what happened to Backstage, tried here
``security_policy``    ``SECURITY.md`` says the truth about all this
=====================  ==========================================================================================

An attack belongs to the class of the boundary that it crosses, not to the code that lets it. Each bound has a test that
reaches it and one just below; time is never asserted.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.actions.harness import Task
from tests.integrations.web_host import WebHost, serve


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return Task(tmp_path)


@pytest.fixture
async def victim() -> AsyncIterator[WebHost]:
    """A service on loopback that nobody listed."""
    async with serve() as running:
        yield running
