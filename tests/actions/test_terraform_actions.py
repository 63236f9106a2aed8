"""``terraform:plan`` and ``terraform:apply`` with the machine's binary and its built-in ``terraform_data``, offline."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from backstage_py.errors import ConflictError, InputError, NotAllowedError, SettingsError
from backstage_py.integrations.terraform import plans
from backstage_py.plugin.formats import dump_yaml
from backstage_py.settings import load_settings
from backstage_py.wiring import process
from tests.actions.harness import Task

MAIN = """\
variable "name" { type = string }
resource "terraform_data" "a" {
  input = "${var.name} ${file("${path.module}/greeting.txt")}"
}
output "said" { value = terraform_data.a.output }
output "hidden" {
  value     = "s3cret"
  sensitive = true
}
"""


@pytest.fixture
def binary() -> str:
    found = shutil.which("terraform") or shutil.which("tofu")
    if found is None:
        pytest.skip("terraform, on PATH")
    return found


def put(task: Task, name: str, text: str) -> None:
    path = task.workspace.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def prepare(task: Task, binary: str = "terraform", **more: Any) -> None:
    put(task, "infra/main.tf", MAIN)
    put(task, "infra/greeting.txt", "hello")
    task.configured(terraform={"binary": binary, "allow": {"providers": []}, **more})


@pytest.mark.thorough
async def test_a_plan_is_shown_and_exactly_it_is_applied_once(task: Task, binary: str) -> None:
    prepare(task, binary)
    planned = await task.run("terraform:plan", {"path": "infra", "variables": {"name": "shop"}})
    assert planned.outputs["changes"] == {"create": 1, "update": 0, "delete": 0}
    assert any('+ input  = "shop hello"' in line for line in planned.log.messages)
    given = {"path": "infra", "digest": planned.outputs["digest"]}
    applied = await task.run("terraform:apply", given)
    assert applied.outputs == {"outputs": {"said": "shop hello"}}
    again = await task.run("terraform:apply", given)
    assert again.outputs == applied.outputs
    assert again.log.messages == []
    same = await task.run("terraform:plan", {"path": "infra", "variables": {"name": "shop"}})
    assert same.outputs["changes"] == {"create": 0, "update": 0, "delete": 0}
    gone = await task.run("terraform:plan", {"path": "infra", "variables": {"name": "shop"}, "destroy": True})
    assert gone.outputs["changes"]["delete"] == 1


@pytest.mark.thorough
@pytest.mark.parametrize("changed", ["infra/main.tf", "infra/new.tf", "terraform.tfplan", ""])
async def test_what_has_changed_since_is_not_applied(task: Task, binary: str, changed: str) -> None:
    prepare(task, binary)
    planned = await task.run("terraform:plan", {"path": "infra", "variables": {"name": "shop"}})
    digest = planned.outputs["digest"]
    if changed:
        path = task.workspace.root / changed
        path.write_bytes((path.read_bytes() if path.exists() else b"") + b"\n")
    else:
        digest = digest.partition("/")[0] + "/" + "0" * 32
    with pytest.raises(ConflictError, match="plan again"):
        await task.run("terraform:apply", {"path": "infra", "digest": digest})


async def test_a_plan_outlives_a_restart_of_the_service(
    tmp_path: Path, binary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "app-config.yaml"
    database = {"client": "better-sqlite3", "connection": str(tmp_path / "db.sqlite")}
    terraform = {"binary": binary, "allow": {"providers": []}}
    file.write_text(dump_yaml({"backend": {"database": database}, "terraform": terraform}))

    async def run(action: str, **given: Any) -> Any:
        monkeypatch.setattr(plans, "_OF_PROCESS", action)  # as another process has another one
        async with process.opened(load_settings([file], {}), run_tasks=False) as core:
            task = Task(tmp_path / "task", core.services)
            put(task, "infra/main.tf", MAIN)
            put(task, "infra/greeting.txt", "hello")
            return (await task.run(action, {"path": "infra", **given})).outputs

    planned = await run("terraform:plan", variables={"name": "shop"})
    assert await run("terraform:apply", digest=planned["digest"]) == {"outputs": {"said": "shop hello"}}


async def test_without_the_operators_word_nothing_runs(task: Task) -> None:
    prepare(task)
    configs: list[dict[str, Any]] = [{}, {"terraform": {}}, {"terraform": {"binary": "terraform"}}]
    for config in configs:
        task.configured(**config)
        with pytest.raises(NotAllowedError, match=r"the operator has to say in 'terraform\.allow'"):
            await task.run("terraform:plan", {"path": "infra"})


async def test_a_binary_that_is_not_there_is_named(task: Task) -> None:
    prepare(task, binary="no-such-terraform")
    with pytest.raises(SettingsError, match=r"terraform\.binary.*no-such-terraform"):
        await task.run("terraform:plan", {"path": "infra"})


async def test_credentials_are_the_operators_and_are_not_shown(
    task: Task, binary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_VAR_name", "inherited")
    prepare(task, binary, environment={"TF_VAR_name": "from-the-operator"})
    planned = await task.run("terraform:plan", {"path": "infra"})
    text = "\n".join(planned.log.messages)
    assert '"*** hello"' in text
    assert "inherited" not in text


async def test_a_provider_that_nobody_listed_is_not_installed(task: Task, binary: str) -> None:
    prepare(task, binary)
    put(task, "infra/other.tf", 'resource "null_resource" "a" {}\n')
    with pytest.raises(InputError, match=r"(?s)init failed: .*null.*was not found"):
        await task.run("terraform:plan", {"path": "infra", "variables": {"name": "a"}})


async def test_the_operator_says_where_states_are(task: Task, binary: str, tmp_path: Path) -> None:
    backend = {"type": "local", "config": {"path": str(tmp_path / "states" / "{state}.tfstate")}}
    prepare(task, binary, backend=backend)
    given = {"path": "infra", "variables": {"name": "shop"}}
    with pytest.raises(InputError, match="Give 'state'"):
        await task.run("terraform:plan", given)
    planned = await task.run("terraform:plan", given | {"state": "shop"})
    await task.run("terraform:apply", {"path": "infra", "state": "shop", "digest": planned.outputs["digest"]})
    assert (tmp_path / "states" / "shop.tfstate").is_file()
    assert not [one for one in task.tree() if "tfstate" in one or "override" in one]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            'resource "terraform_data" "b" {\n  provisioner "local-exec" { command = "id" }\n}',
            "bad.tf:2: .*provisioner",
        ),
        ("resource terraform_data b {\n  provisioner local-exec {\n  }\n}", "bad.tf:2: .*provisioner"),
        ('terraform {\n  backend "http" {}\n}', "bad.tf:2: the operator says where states are"),
        ('data "terraform_remote_state" "x" {\n}', "may not read other states"),
        ('module "m" {\n  source = "git::https://example.org/m"\n}', r"bad.tf:2: .*terraform\.allow\.modules"),
        ('module "m" {\n  source = /* x */ "../../m"\n}', "leads out of the configuration's folder"),
        ('module "m" {\n  version = "1"\n}', "needs a 'source' that is a plain text"),
        ('module "m" { source = "${"git"}::x" }', "needs a 'source' that is a plain text"),
        ('locals {\n  a = file("/etc/passwd")\n}', r"bad.tf:2: file\(\) takes a plain path"),
        ('locals {\n  a = "${upper("${file /* */ ("../../x")}")}"\n}', r"file\(\) takes a plain path"),
        ("locals {\n  a = <<E\n${filebase64(var.name)}\nE\n}", r"bad.tf:3: filebase64\(\) takes a plain path"),
        ('locals {\n  a = file("a${"/../../x"}")\n}', r"file\(\) takes a plain path"),
        ('locals {\n  a = file(join("/", ["", "etc"]))\n}', r"file\(\) takes a plain path"),
        ('locals {\n  a = templatefile("evil.tpl", {})\n}', r"evil.tpl:1: file\(\) takes a plain path"),
        ('locals {\n  a = "', "has no end"),
    ],
)
async def test_what_the_rules_do_not_hold_is_refused_with_its_line(task: Task, text: str, said: str) -> None:
    prepare(task)
    put(task, "infra/evil.tpl", '${file("/etc/passwd")}')
    put(task, "infra/bad.tf", text)
    with pytest.raises((NotAllowedError, InputError), match=said):
        await task.run("terraform:plan", {"path": "infra"})


async def test_json_and_links_are_refused(task: Task, tmp_path: Path) -> None:
    prepare(task)
    put(task, "infra/x.tf.json", "{}")
    with pytest.raises(NotAllowedError, match="not in JSON"):
        await task.run("terraform:plan", {"path": "infra"})
    (task.workspace.root / "infra/x.tf.json").unlink()
    (task.workspace.root / "infra/link.txt").symlink_to(tmp_path)
    with pytest.raises(NotAllowedError, match="is a link"):
        await task.run("terraform:plan", {"path": "infra"})


async def test_modules_of_the_folder_and_of_the_list_are_let_through(task: Task, binary: str) -> None:
    prepare(task, binary)
    put(task, "infra/m/main.tf", 'resource "terraform_data" "m" {}\n# provisioner "x" {\n')
    put(task, "infra/uses.tf", 'module "m" {\n  source = "./m" # here\n}\n')
    planned = await task.run("terraform:plan", {"path": "infra", "variables": {"name": "a"}})
    assert planned.outputs["changes"]["create"] == 2
