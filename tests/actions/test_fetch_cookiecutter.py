from pathlib import Path

import pytest

from backstage_py.errors import InputError, NotAllowedError
from tests.actions.harness import Task

NAME = "{{ cookiecutter.name }}"


async def test_cookiecutter_renders_names_contents_and_defaults(task: Task) -> None:
    task.put("s/cookiecutter.json", '{"name": "default", "port": "8080", "slug": "{{ cookiecutter.name | slugify }}"}')
    task.put(f"s/{NAME}.txt", f"{NAME} {{{{ cookiecutter.port }}}} {{{{ cookiecutter.slug }}}}")
    task.put("s/raw.txt", NAME)
    given = {"url": "./s", "values": {"name": "My Shop"}, "copyWithoutRender": ["raw.txt"], "targetPath": "out"}
    result = await task.run("fetch:cookiecutter", given)
    tree = task.tree()
    assert tree["out/My Shop.txt"] == b"My Shop 8080 my-shop"
    assert tree["out/raw.txt"] == NAME.encode()
    assert result.log.messages[0] == "Fetching and then templating using cookiecutter"


async def test_hooks_run_only_when_they_are_allowed(task: Task) -> None:
    proof = task.folder / "proof"
    task.put("s/hooks/post_gen_project.py", "open('made-by-hook', 'w').close()\n")
    task.put("s/a.txt", "a")
    await task.run("fetch:cookiecutter", {"url": "./s", "values": {}})
    assert "made-by-hook" not in task.tree()
    assert not proof.exists()
    task.configured(scaffolder={"cookiecutter": {"allowHooks": True}})
    await task.run("fetch:cookiecutter", {"url": "./s", "values": {}})
    assert "made-by-hook" in task.tree()


@pytest.mark.parametrize(
    "content",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ cookiecutter.__init__.__globals__ }}",
        "{{ range(10 ** 9) | list }}",
    ],
)
async def test_templates_do_not_reach_python(task: Task, content: str) -> None:
    task.put("s/a.txt", content)
    with pytest.raises(InputError, match="cookiecutter failed"):
        await task.run("fetch:cookiecutter", {"url": "./s", "values": {}})
    assert task.tree() == {}


async def test_names_do_not_lead_out(task: Task, tmp_path: Path) -> None:
    task.put(f"s/x{NAME}", "evil")
    name = f"/../../../../../../../..{tmp_path}/evil"
    with pytest.raises(InputError, match="cookiecutter failed"):
        await task.run("fetch:cookiecutter", {"url": "./s", "values": {"name": name}})
    assert not (tmp_path / "evil").exists()


async def test_links_to_files_outside_are_not_read(task: Task, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    task.put("s/a.txt", "a")
    (task.template / "s/b.txt").symlink_to(tmp_path / "secret")
    await task.run("fetch:cookiecutter", {"url": "./s", "values": {}})
    assert b"secret" not in b"".join(task.tree().values())


async def test_extensions_must_be_listed(task: Task) -> None:
    task.put("s/cookiecutter.json", '{"_extensions": ["os.path"]}')
    task.put("s/a.txt", "a")
    await task.run("fetch:cookiecutter", {"url": "./s", "values": {}})
    with pytest.raises(NotAllowedError, match=r"scaffolder\.cookiecutter\.extensions"):
        await task.run("fetch:cookiecutter", {"url": "./s", "values": {}, "extensions": ["os.path"]})
