import asyncio
import os
from pathlib import Path

import pytest

from backstage_py.errors import InputError, NotAllowedError, NotFoundError, PermanentError
from backstage_py.templating.engine import TemplateError
from tests.actions.harness import Task

EXPRESSION = "${{ values.name }}"


async def test_names_and_contents_are_rendered_with_backstages_log(task: Task) -> None:
    task.put("skeleton/README.md", f"# {EXPRESSION}\n")
    task.put("skeleton/logo.png", b"\x89PNG\r\n\x1a\n\0\0")
    task.put(f"skeleton/src/{EXPRESSION}/index.js", "x ${{ values.count + 1 }}")
    values = {"name": "demo", "count": 3, "owner": "group:default/team-a"}
    logged = '{"count":3,"name":"demo","owner":"group:default/team-a"}'
    result = await task.run("fetch:template", {"url": "./skeleton", "values": values})
    assert task.tree() == {
        "README.md": b"# demo\n",
        "logo.png": b"\x89PNG\r\n\x1a\n\0\0",
        "src/demo/index.js": b"x 4",
    }
    assert result.log.messages == [
        "Fetching template content from remote URL",
        "Listing files and directories in template",
        f"Processing 5 template files/directories with input values {logged}",
        "Writing file README.md to template output path with mode 33188.",
        "Copying file binary or symbolic link at logo.png, to template output path.",
        "Writing directory src/ to template output path.",
        f"Writing directory src/{EXPRESSION}/ to template output path.",
        f"Writing file src/{EXPRESSION}/index.js to template output path with mode 33188.",
        f"Template result written to {task.workspace.root}",
    ]


async def test_an_empty_name_leaves_a_file_or_folder_out(task: Task) -> None:
    task.put("s/${{ 'a.txt' if values.a }}", "a")
    task.put("s/${{ 'b' if values.b }}/inner.txt", "b")
    task.put("s/c/${{ values.missing }}/d.txt", "d")
    await task.run("fetch:template", {"url": "./s", "values": {"a": True}})
    assert task.tree() == {"a.txt": b"a"}


async def test_bytes_are_kept_where_nothing_is_rendered(task: Task) -> None:
    task.put("s/crlf.txt", b"\xef\xbb\xbfa\r\n${{ values.x }}\r\n")
    task.put("s/latin.txt", b"caf\xe9 and a lot of text behind it\n" * 3)
    task.put("s/run.sh", "#!/bin/sh\n", 0o755)
    task.put("s/empty", b"")
    await task.run("fetch:template", {"url": "./s", "values": {"x": "é😀"}})
    assert task.tree() == {
        "crlf.txt": b"\xef\xbb\xbfa\r\n" + "é😀".encode() + b"\r\n",
        "empty": b"",
        "latin.txt": "caf\N{REPLACEMENT CHARACTER} and a lot of text behind it\n".encode() * 3,
        "run.sh": b"#!/bin/sh\n",
    }
    assert (task.workspace.root / "run.sh").stat().st_mode & 0o777 == 0o755 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


async def test_patterns_keep_contents_and_still_render_names(task: Task) -> None:
    task.put(".github_", "")
    task.put(f"s/.github/workflows/{EXPRESSION}.yaml", "on: ${{ github.event }}")
    task.put("s/plain/a.txt", EXPRESSION)
    task.put("s/b.txt", EXPRESSION)
    values = {"name": "ci"}
    patterns = [".github", "./plain/*.txt"]
    result = await task.run("fetch:template", {"url": "./s", "values": values, "copyWithoutTemplating": patterns})
    assert task.tree() == {
        ".github/workflows/ci.yaml": b"on: ${{ github.event }}",
        "b.txt": b"ci",
        "plain/a.txt": EXPRESSION.encode(),
    }
    assert "Copying file/directory plain/a.txt without processing." in result.log.messages


async def test_the_old_name_of_patterns_has_no_effect(task: Task) -> None:
    task.put("s/a.txt", EXPRESSION)
    await task.run("fetch:template", {"url": "./s", "values": {"name": "n"}, "copyWithoutRender": ["**"]})
    assert task.tree() == {"a.txt": b"n"}


@pytest.mark.parametrize(("extension", "ending"), [(True, ".njk"), (".j2", ".j2"), ("j2", ".j2")])
async def test_only_files_with_the_extension_are_rendered(task: Task, extension: str | bool, ending: str) -> None:
    task.put(f"s/a.txt{ending}", EXPRESSION)
    task.put(f"s/{EXPRESSION}.md", EXPRESSION)
    given = {"url": "./s", "values": {"name": "n"}, "templateFileExtension": extension}
    await task.run("fetch:template", given)
    assert task.tree() == {"a.txt": b"n", "n.md": EXPRESSION.encode()}


async def test_an_extension_and_patterns_exclude_each_other(task: Task) -> None:
    task.put("s/a", "a")
    with pytest.raises(InputError, match="incompatible"):
        await task.run("fetch:template", {"url": "./s", "templateFileExtension": True, "copyWithoutTemplating": []})


async def test_the_first_fetch_wins_unless_replace_is_set(task: Task) -> None:
    task.put("s/a.txt", "new")
    (task.workspace.root / "a.txt").write_text("old")
    await task.run("fetch:template", {"url": "./s"})
    assert task.tree() == {"a.txt": b"old"}
    await task.run("fetch:template", {"url": "./s", "replace": True})
    assert task.tree() == {"a.txt": b"new"}


async def test_cookiecutter_names_and_block_options(task: Task) -> None:
    task.put("s/a.txt", "{{ cookiecutter.name }}{% if cookiecutter.on %}\nyes{% endif %}")
    given = {"url": "./s", "values": {"name": "n", "on": True}, "cookiecutterCompat": True, "trimBlocks": True}
    await task.run("fetch:template", given)
    assert task.tree() == {"a.txt": b"nyes"}


async def test_backstages_filters_are_there(task: Task) -> None:
    task.put("s/a.txt", "${{ (values.repo | parseRepoUrl).repo }} ${{ values.repo | projectSlug }}")
    await task.run("fetch:template", {"url": "./s", "values": {"repo": "github.com?owner=o&repo=r"}})
    assert task.tree() == {"a.txt": b"r o/r"}


async def test_an_error_names_file_and_line(task: Task) -> None:
    task.put("s/deep/bad.txt", "one\ntwo ${{ values.name | nosuch }}\n")
    with pytest.raises(TemplateError, match=r"deep/bad\.txt:2:"):
        await task.run("fetch:template", {"url": "./s", "values": {}})


async def test_a_changed_skeleton_is_read_again(task: Task) -> None:
    path = task.put("s/a.txt", "one")
    await task.run("fetch:template", {"url": "./s"})
    path.write_text("two!")
    await task.run("fetch:template", {"url": "./s", "replace": True})
    assert task.tree() == {"a.txt": b"two!"}


async def test_links_inside_are_kept_and_links_that_lead_out_are_not(task: Task, tmp_path: Path) -> None:
    task.put("s/a.txt", "a")
    (task.template / "s/inside").symlink_to("a.txt")
    (task.template / "s/outside").symlink_to(tmp_path)
    (task.template / "s/dangling").symlink_to("nothing")
    (task.template / "s/loop").symlink_to("loop")
    await task.run("fetch:template", {"url": "./s"})
    assert task.tree() == {"a.txt": b"a", "dangling": b"nothing", "inside": b"a.txt"}


@pytest.mark.parametrize(("path", "name"), [(EXPRESSION, "../evil"), (f"a/{EXPRESSION}", "x/../../../evil")])
async def test_a_rendered_name_does_not_leave_the_workspace(task: Task, path: str, name: str) -> None:
    task.put(f"s/{path}", "evil")
    with pytest.raises(NotAllowedError):
        await task.run("fetch:template", {"url": "./s", "values": {"name": name}})
    assert not list(task.folder.parent.rglob("evil"))


async def test_an_absolute_name_counts_as_empty(task: Task) -> None:
    task.put(f"s/{EXPRESSION}", "evil")
    task.put(f"s/a/{EXPRESSION}", "evil")
    await task.run("fetch:template", {"url": "./s", "values": {"name": f"{task.folder}/evil"}})
    assert task.tree() == {}
    assert not (task.folder / "evil").exists()


async def test_nothing_is_written_through_a_link_of_the_workspace(task: Task, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "target").write_text("kept")
    (task.workspace.root / "out").symlink_to(outside)
    (task.workspace.root / "file").symlink_to(outside / "target")
    task.put("s/out/a.txt", "evil")
    with pytest.raises(NotAllowedError):
        await task.run("fetch:template", {"url": "./s", "replace": True})
    task.put("t/file", "evil")
    with pytest.raises(NotAllowedError):
        await task.run("fetch:template", {"url": "./t", "replace": True})
    assert {path.name: path.read_text() for path in outside.iterdir()} == {"target": "kept"}


async def test_a_link_that_the_skeleton_brings_does_not_open_a_way_out(task: Task, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (task.template / "s").mkdir()
    (task.template / "s/!").symlink_to("b")
    task.put("s/${{ values.x }}/evil.txt", "evil")
    (task.workspace.root / "b").symlink_to(tmp_path / "outside")
    result = await task.run("fetch:template", {"url": "./s", "values": {"x": "!"}})
    assert "Leaving out the link !: it would lead out of the workspace" in result.log.messages
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize("target", ["../x", "/etc", "a/../../b"])
async def test_the_target_is_in_the_workspace(task: Task, target: str) -> None:
    task.put("s/a", "a")
    with pytest.raises(NotAllowedError, match="outside its parent"):
        await task.run("fetch:template", {"url": "./s", "targetPath": target})


@pytest.mark.parametrize("url", ["../workspace", "/etc", "./../../x"])
async def test_a_local_url_stays_in_the_templates_folder(task: Task, url: str) -> None:
    with pytest.raises(NotAllowedError):
        await task.run("fetch:template", {"url": url})


async def test_a_folder_that_is_not_there_is_named(task: Task) -> None:
    with pytest.raises(NotFoundError, match=r"no '\./nope'"):
        await task.run("fetch:template", {"url": "./nope"})


async def test_a_relative_url_needs_a_template_with_a_place(task: Task) -> None:
    task.base_url = "https://unknown.example/x/template.yaml"
    with pytest.raises(InputError, match="No integration found for location"):
        await task.run("fetch:template", {"url": "./s"})


async def test_a_cancelled_task_stops_writing(task: Task) -> None:
    task.put("s/a", "a")
    task.signal.set()
    with pytest.raises(PermanentError, match="cancelled"):
        await task.run("fetch:template", {"url": "./s"})
    assert task.tree() == {}


async def test_many_fetches_at_the_same_time_do_not_mix(task: Task) -> None:
    task.put("s/a.txt", EXPRESSION * 50)
    tasks = [Task(task.folder / str(number), task.services, task.base_url) for number in range(20)]
    await asyncio.gather(
        *(one.run("fetch:template", {"url": "./s", "values": {"name": str(n)}}) for n, one in enumerate(tasks))
    )
    assert [one.tree()["a.txt"] for one in tasks] == [str(n).encode() * 50 for n in range(20)]


async def test_one_file_is_rendered(task: Task) -> None:
    task.put("a.md", EXPRESSION)
    given = {"url": "./a.md", "targetPath": "docs/b.md", "values": {"name": "n"}}
    result = await task.run("fetch:template:file", given)
    assert task.tree() == {"docs/b.md": b"n"}
    assert result.log.messages == [
        "Fetching template file content from remote URL",
        'Processing template file with input values {"name":"n"}',
        f"Template file has been written to {task.workspace.root / 'docs/b.md'}",
    ]
    again = await task.run("fetch:template:file", {**given, "values": {"name": "x"}})
    assert again.log.messages == ["File docs/b.md already exists in workspace, not replacing."]
    await task.run("fetch:template:file", {**given, "values": {"name": "x"}, "replace": True})
    assert task.tree() == {"docs/b.md": b"x"}


async def test_a_folder_of_the_workspace_is_rendered(task: Task) -> None:
    (task.workspace.root / "skel").mkdir()
    (task.workspace.root / "skel" / "a.txt").write_text(EXPRESSION)
    given = {"sourcePath": "./skel", "targetPath": "./out", "values": {"name": "n"}}
    await task.run("workspace:template", given)
    assert task.tree()["out/a.txt"] == b"n"
    with pytest.raises(InputError, match="must not be within template path"):
        await task.run("workspace:template", {**given, "targetPath": "./skel/out"})
    await task.run("workspace:template:file", {**given, "sourcePath": "skel/a.txt", "targetPath": "b.txt"})
    assert task.tree()["b.txt"] == b"n"
    with pytest.raises(NotAllowedError):
        await task.run("workspace:template", {**given, "sourcePath": "../template"})


async def test_user_tokens_can_be_made_a_must(task: Task) -> None:
    task.configured(scaffolder={"requireScmUserCredentials": True})
    with pytest.raises(InputError, match=r"No user credentials provided for host github\.com"):
        await task.run("fetch:template", {"url": "https://github.com/o/r/tree/main"})
    task.put("s/a", "a")
    await task.run("fetch:template", {"url": "./s"})
