"""A template's own program gets what a child may have, and nothing of it is left when its task is over."""

import asyncio
import os
import signal
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from backstage_py.disk import QuotaError
from backstage_py.errors import BackstageError, InputError
from backstage_py.integrations.children import child, jsonata, supervisor
from backstage_py.integrations.children.limits import Limits
from tests import patience
from tests.actions.harness import Task

FOREVER = "($f := function() {$f()}; $f())"
ENDLESS = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"


async def rendered(task: Task, content: str, **config: Any) -> str:
    """What cookiecutter makes of a file."""
    task.put("s/a.txt", content)
    task.configured(scaffolder=config)
    await task.run("fetch:cookiecutter", {"url": "./s", "values": {}})
    return task.tree()["a.txt"].decode()


async def evaluated(task: Task, expression: str, **config: Any) -> Any:
    task.configured(scaffolder={"children": config})
    return (await task.run("roadiehq:utils:jsonata", {"expression": expression})).outputs["result"]


@pytest.mark.thorough
async def test_a_template_that_allocates_is_stopped_and_named(task: Task) -> None:
    assert await rendered(task, "{{ ('x' * 100000000) | length }}") == "100000000"
    for content in ("{{ ('x' * 3000000000) | length }}", "{{ ([0] * 500000000) | length }}"):
        with pytest.raises(InputError, match=r"more memory than 1024 MiB \(scaffolder\.children\.memoryBytes\)"):
            await rendered(task, content)
    with pytest.raises(InputError, match="more memory than 96 MiB"):
        await rendered(task, "{{ ('x' * 100000000) | length }}", children={"memoryBytes": 96 * 1024 * 1024})


@pytest.mark.thorough
async def test_a_file_as_large_as_allowed_is_written_and_no_larger(task: Task) -> None:
    bound = {"fileSizeBytes": 10_000}
    assert len(await rendered(task, "{{ 'x' * 10000 }}", children=bound)) == 10_000
    with pytest.raises(InputError, match=r"more than 10000 bytes \(scaffolder\.children\.fileSizeBytes\)"):
        await rendered(task, "{{ 'x' * 10001 }}", children=bound)


async def test_a_template_that_loops_uses_no_more_cpu_than_it_may(task: Task) -> None:
    with pytest.raises(InputError, match=r"1 seconds of CPU time \(scaffolder\.children\.cpuSeconds\)"):
        await rendered(task, ENDLESS, children={"cpuSeconds": 1})


@pytest.mark.thorough
async def test_a_template_of_as_many_files_as_allowed_is_rendered_and_of_no_more(task: Task) -> None:
    for number in range(9):
        task.put(f"s/{number}.txt", "x")
    assert await rendered(task, "10", workspaceLimitFiles=11) == "10"  # ten files in a folder
    with pytest.raises(QuotaError, match=r"more than 10 files \(scaffolder\.workspaceLimitFiles\)"):
        await rendered(task, "10", workspaceLimitFiles=10)
    with pytest.raises(QuotaError, match=r"more than 100 bytes \(scaffolder\.workspaceLimitBytes\)"):
        await rendered(task, "{{ 'x' * 92 }}", workspaceLimitBytes=100)
    assert len(await rendered(task, "{{ 'x' * 91 }}", workspaceLimitBytes=100)) == 91


HOOKS = {"cookiecutter": {"allowHooks": True}}
ESCAPES = """
import os, time
open("environment", "w").write(repr(dict(os.environ)))
for number in range(5):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for descriptor in range(3):
                os.close(descriptor)
            open(f"pid{number}", "w").write(str(os.getpid()))
            time.sleep(600)
        os._exit(0)
while sum(name.startswith("pid") for name in os.listdir(".")) < 5:
    time.sleep(0.01)
"""
FILLS = """
number = 0
while True:
    number += 1
    open(f"f{number}", "w").write("x" * 1_000_000)
"""


async def test_what_a_hook_starts_ends_with_it_and_sees_no_environment(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "of-the-service")
    task.put("s/hooks/post_gen_project.py", ESCAPES)
    await rendered(task, "a", **HOOKS)
    tree = task.tree()
    pids = [int(content) for name, content in tree.items() if name.startswith("pid")]
    assert len(pids) == 5
    assert not [pid for pid in pids if is_running(pid)]
    assert b"of-the-service" not in tree["environment"]


async def test_a_hook_that_writes_endlessly_is_stopped(task: Task) -> None:
    task.put("s/hooks/post_gen_project.py", FILLS)
    with pytest.raises(QuotaError, match="more than 20 MiB"):
        await rendered(task, "a", **HOOKS, workspaceLimitBytes=20 * 1024 * 1024)


MULTIPLIES = """
import os, time
for number in range(NUMBER):
    if os.fork() == 0:
        os.setsid()
        open(f"pid{number}", "w").write(str(os.getpid()))
        time.sleep(600)
while sum(name.startswith("pid") for name in os.listdir(".")) < NUMBER:
    time.sleep(0.01)
time.sleep(LONG)
"""


@pytest.mark.thorough
async def test_a_hook_starts_as_many_processes_as_allowed_and_no_more(task: Task) -> None:
    """The job itself and the hook are two of them."""
    bound = {"children": {"processes": 10}}
    task.put("s/hooks/post_gen_project.py", MULTIPLIES.replace("NUMBER", "8").replace("LONG", "0.2"))
    assert await rendered(task, "a", **HOOKS, **bound) == "a"
    task.put("s/hooks/post_gen_project.py", MULTIPLIES.replace("NUMBER", "9").replace("LONG", "600"))
    with pytest.raises(InputError, match=r"more than 10 processes at once \(scaffolder\.children\.processes\)"):
        await rendered(task, "a", **HOOKS, **bound)
    assert not below(os.getpid())


async def test_a_hook_that_multiplies_without_end_is_ended(task: Task) -> None:
    task.put("s/hooks/post_gen_project.py", "import os, time\nfor _ in range(9):\n    os.fork()\ntime.sleep(600)\n")
    with pytest.raises(InputError, match="more than 64 processes at once"):
        await rendered(task, "a", **HOOKS)
    assert not below(os.getpid())


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("[1..2000000]", "larger than 4 MiB"),
        ("$pad('x', 2000000000)", "more memory than"),
        ("($f := function($n) {1 + $f($n + 1)}; $f(0))", "recurs|Stack overflow"),
        (FOREVER, "1 seconds of CPU time"),
    ],
)
async def test_an_expression_that_grows_or_loops_is_an_error_that_names_its_bound(
    task: Task, expression: str, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        await evaluated(task, expression, cpuSeconds=1 if expression == FOREVER else 60)


async def test_a_result_just_below_the_bound_is_given(task: Task) -> None:
    assert len(await evaluated(task, "$pad('', 4194302, 'x')")) == 4_194_302
    with pytest.raises(InputError, match="larger than 4 MiB"):
        await evaluated(task, "$pad('', 4194303, 'x')")


async def python(code: str, limits: Limits) -> child.Ended:
    """Run a program that does as it likes."""
    return await child.run((sys.executable, "-I", "-c", code), limits=limits, environment=child.least_environment())


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("x = bytearray(2_000_000_000)", "memoryBytes"),
        ("open('/dev/shm/backstage-py-test', 'wb').write(bytes(2_000_000))", "fileSizeBytes"),
        ("while True: pass", "cpuSeconds"),
        ("f = [open('/dev/null') for _ in range(100)]", "openFiles"),
        ("import os; os.kill(os.getpid(), 11)", "memoryBytes"),
    ],
)
async def test_any_program_is_bounded(code: str, words: str) -> None:
    limits = Limits(memory=1_000_000_000, cpu=1, file_size=1_000_000, open_files=64)
    try:
        ended = await python(code, limits)
    finally:
        Path("/dev/shm/backstage-py-test").unlink(missing_ok=True)
    reached = limits.reached(ended.status, ended.said)
    assert reached
    assert words in reached
    fine = await python("x = bytearray(500_000_000); [open('/dev/null') for _ in range(50)]; print(1)", limits)
    assert (fine.status, fine.output) == (0, b"1\n")


async def test_a_child_that_starts_none_cannot_fork() -> None:
    limits = Limits()
    ended = await python("import os; os.getuid() or os.setuid(65534); os.fork()", limits)
    assert "processes" in (limits.reached(ended.status, ended.said) or "")


async def test_endless_output_is_cut_off() -> None:
    with pytest.raises(child.OutputError, match="64 MiB"):
        await python("while True: print('x' * 100000)", Limits(cpu=30))


async def test_a_cancelled_step_has_ended_its_child_when_it_returns() -> None:
    before = below(os.getpid())
    running = asyncio.create_task(jsonata.evaluate(FOREVER, {}))
    found = await until_two_run(os.getpid(), before)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not [pid for pid in found if is_running(pid)]


SERVICE = f"""
import asyncio
from backstage_py.integrations.children import jsonata
asyncio.run(jsonata.evaluate({FOREVER!r}, {{}}))
"""


@pytest.mark.thorough
async def test_a_child_ends_with_a_service_that_is_killed() -> None:
    service = await asyncio.create_subprocess_exec(sys.executable, "-c", SERVICE)
    found = await until_two_run(service.pid)
    service.kill()
    await service.wait()
    await patience.until(lambda: not any(map(is_running, found)))


async def test_a_child_ends_with_a_supervisor_that_is_killed() -> None:
    before = below(os.getpid())
    running = asyncio.create_task(jsonata.evaluate(FOREVER, {}))
    supervisor, work = await until_two_run(os.getpid(), before)
    os.kill(supervisor, signal.SIGKILL)
    with pytest.raises(BackstageError):
        await running
    await patience.until(lambda: not is_running(work))


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def below(pid: int) -> list[int]:
    """The processes that one has started, and theirs, which have become what they are to be."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
            command = (folder / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == pid and b"supervisor.py" in command:
            found += [int(folder.name), *below(int(folder.name))]
    return found


async def until_two_run(pid: int, before: Collection[int] = ()) -> list[int]:
    """The supervisor below a process, and its child; ``before`` are those of other tests."""

    def new() -> list[int]:
        return [one for one in below(pid) if one not in before]

    await patience.until(lambda: len(new()) > 1)
    return new()


@pytest.mark.parametrize("number", supervisor.REQUESTS)
async def test_a_request_to_end_the_service_that_all_its_processes_get_ends_no_child(
    number: signal.Signals, tmp_path: Path
) -> None:
    """A process manager and a terminal ask whole groups, in which a child is until it has left them."""
    done = tmp_path / "done"
    moments = 12
    before = set(supervisor.children(os.getpid()))
    for moment in range(moments):
        running = asyncio.create_task(
            child.run(
                ["sh", "-c", f"echo once >> {done}; sleep 0.02; cat"],
                limits=Limits(),
                environment=child.least_environment(),
                given=b"what it was given",
            )
        )
        [pid] = await patience.until(lambda: set(supervisor.children(os.getpid())) - before)
        await asyncio.sleep(moment * 0.004)
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        ended = await running
        assert (ended.status, ended.output) == (0, b"what it was given"), ended.said
    assert done.read_text().split() == ["once"] * moments
