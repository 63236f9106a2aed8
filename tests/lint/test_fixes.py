"""What the linter mends, to the byte. The cases are those of public templates, in words of our own."""

import random
import re
import textwrap
from pathlib import Path

import pytest

from backstage_py.lint.check import Options, check_text
from backstage_py.lint.fixes import project
from backstage_py.model import yaml
from backstage_py.templating.engine import backstage_renderer

HEAD = """\
# The service of the platform team.
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata:
  name: example   # the name
spec:
  owner: team-a
  type: service

  parameters:
    - title: About
      required: [name]
      properties:
        name: {type: string, title: "It's name"}
        isPublic: {type: boolean}
        cloud:
          type: string
          enum: [aws, gcp]
  steps:
    - id: list-files
      action: fs:readdir
      input: {paths: ['.']}
"""
FETCH = """\
    - id: fetch
      action: fetch:template
      input:
        url: https://example.com/skeleton
"""
READ = "- id: b\n  action: debug:log\n  input: {{message: \"${{{{ steps['{}'].output.files }}}}\"}}\n"
LOG = "    - id: log\n      action: debug:log\n      input:\n        message: {}\n"


def logged(before: str, after: str) -> tuple[str, str]:
    return HEAD + LOG.format(before), HEAD + LOG.format(after)


def added(before: str, after: str, head: str = HEAD) -> tuple[str, str]:
    indent = " " * (4 if head == HEAD else 8)
    return head + textwrap.indent(before, indent), head + textwrap.indent(after, indent)


def replaced(old: str, new: str) -> tuple[str, str]:
    good = HEAD + LOG.format("${{ parameters.name }}")
    assert good.count(new) == 1
    return good.replace(new, old), good


FORM = HEAD.partition("        name: {")[0]
MENDED = {
    # what was probably meant
    "filter": logged("${{ parameters.name | lowr }}  # small", "${{ parameters.name | lower }}  # small"),
    "filter of another language": logged("'${{ parameters | tojson }}'", "'${{ parameters | dump }}'"),
    "test": logged("${{ parameters.name is defned }}", "${{ parameters.name is defined }}"),
    "parameter": logged('"${{ parameters.nmae }}"', '"${{ parameters.name }}"'),
    "parameter in brackets": logged("\"${{ parameters['nmae'] }}\"", "\"${{ parameters['name'] }}\""),
    "step with a dash": logged("${{ steps.listFiles.output.files }}", "${{ steps['list-files'].output.files }}"),
    "output": logged("${{ steps['list-files'].output.fils }}", "${{ steps['list-files'].output.files }}"),
    "word for output": logged("${{ steps['list-files'].outputs.files }}", "${{ steps['list-files'].output.files }}"),
    "no word for output": logged("${{ steps['list-files'].files }}", "${{ steps['list-files'].output.files }}"),
    "root": logged("${{ parameter.name }}", "${{ parameters.name }}"),
    "root of a skeleton": logged("${{ values.name }}", "${{ parameters.name }}"),
    "no root": logged("a ${{ name }}", "a ${{ parameters.name }}"),
    "dash": logged("${{ steps.list-files.output.files }}", "${{ steps['list-files'].output.files }}"),
    "in a folded text": logged(
        ">-\n          one\n          ${{ parameters.nmae\n          }} two",
        ">-\n          one\n          ${{ parameters.name\n          }} two",
    ),
    "in single quotes": logged("'it''s ${{ parameters.name | lowr }}'", "'it''s ${{ parameters.name | lower }}'"),
    "in double quotes": logged('"\\t\\u00e4 ${{ parameters.nmae }}\\n"', '"\\t\\u00e4 ${{ parameters.name }}\\n"'),
    "action": added("- id: a\n  action: debug:lgo  # say\n", "- id: a\n  action: debug:log  # say\n"),
    "input": added(
        "- id: a\n  action: debug:log\n  input: {mesage: a}\n", "- id: a\n  action: debug:log\n  input: {message: a}\n"
    ),
    "key of a step": added(
        "- id: a\n  action: debug:log\n  inputs: # what\n    message: a\n",
        "- id: a\n  action: debug:log\n  input: # what\n    message: a\n",
    ),
    "key of the spec": replaced("  paramters:\n", "  parameters:\n"),
    "field of an entity": replaced("metdata:\n", "metadata:\n"),
    "required": replaced("required: [nmae]", "required: [name]"),
    "type": replaced("isPublic: {type: bool}", "isPublic: {type: boolean}"),
    "key of a schema": replaced("          enun: [aws, gcp]", "          enum: [aws, gcp]"),
    "version": replaced("apiVersion: backstage.io/v1beta3\n", "apiVersion: scaffolder.backstage.io/v1beta3\n"),
    "form field": added(
        "x: {type: string, ui:field: RepoUrlPiker, ui:optoins: {}}\n",
        "x: {type: string, ui:field: RepoUrlPicker, ui:options: {}}\n",
        FORM,
    ),
    # operators of JavaScript
    "or": logged("${{ parameters.name || 'x' }}", "${{ parameters.name or 'x' }}"),
    "or and and": logged(
        "${{ parameters.name||'x' && parameters.cloud }}", "${{ parameters.name or 'x' and parameters.cloud }}"
    ),
    "choice as in a shell": logged(
        "${{ parameters.cloud == 'gcp' && 'a' || 'b' }}", "${{ parameters.cloud == 'gcp' and 'a' or 'b' }}"
    ),
    "not": logged("${{ !parameters.isPublic }}", "${{ not parameters.isPublic }}"),
    "choice": logged("'${{ parameters.isPublic ? 1:0 }}'", "'${{ 1 if parameters.isPublic else 0 }}'"),
    "choice by both": logged(
        "\"${{ parameters.isPublic && parameters.name ? 'a' : parameters.name }}\"",
        "\"${{ 'a' if parameters.isPublic and parameters.name else parameters.name }}\"",
    ),
    "one equals sign": logged("\"${{ parameters.name = 'a' }}\"", "\"${{ parameters.name == 'a' }}\""),
    "optional chain": logged("${{ user.entity?.metadata?.name }}", "${{ user.entity.metadata.name }}"),
    # methods that values do not have
    "replaceAll": logged(
        "${{ parameters.name.replaceAll('-', '_') ~ 'x' }}", "${{ parameters.name | replace('-', '_') ~ 'x' }}"
    ),
    "methods that are filters": logged("${{ parameters.name.upper() }}", "${{ parameters.name | upper }}"),
    "methods of others": logged(
        "${{ parameters.name.strip().split('-') }}", "${{ parameters.name.trim().split('-') }}"
    ),
    "method with a slip": logged("${{ parameters.name.spilt('-') }}", "${{ parameters.name.split('-') }}"),
    # inputs without effect, deprecated names
    "copyWithoutRender": (
        HEAD + FETCH + "        copyWithoutRender:   # workflows\n          - .github/**\n",
        HEAD + FETCH + "        copyWithoutTemplating:   # workflows\n          - .github/**\n",
    ),
    "allowedKinds as a list of lines": added(
        "o:\n  type: string\n  ui:field: OwnerPicker\n  ui:options:\n    allowedKinds:  # teams\n"
        "      - Group\n      - User\n",
        "o:\n  type: string\n  ui:field: OwnerPicker\n  ui:options:\n    catalogFilter:\n      kind:  # teams\n"
        "      - Group\n      - User\n",
        FORM,
    ),
    "allowedKinds in a flow": added(
        "o: {type: string, ui:field: EntityPicker, ui:options: {allowedKinds: [Group], defaultKind: Group}}\n",
        "o: {type: string, ui:field: EntityPicker, ui:options: {catalogFilter: {kind: [Group]}, defaultKind: Group}}\n",
        FORM,
    ),
    "allowedHosts first": added(
        "- id: p\n  action: publish:github\n  input:\n    allowedHosts: ['github.com']\n    # where\n    repoUrl: a\n",
        "- id: p\n  action: publish:github\n  input:\n    # where\n    repoUrl: a\n",
    ),
    "allowedHosts as a list of lines": added(
        "- id: p\n  action: publish:github\n  input:\n    repoUrl: a  # x\n    allowedHosts:\n      - a\n      - b\n\n"
        "- id: q\n  action: debug:log\n",
        "- id: p\n  action: publish:github\n  input:\n    repoUrl: a  # x\n\n- id: q\n  action: debug:log\n",
    ),
    "allowedHosts last in a flow": added(
        "- {id: p, action: 'publish:github', input: {repoUrl: a, allowedHosts: [b]}}\n",
        "- {id: p, action: 'publish:github', input: {repoUrl: a}}\n",
    ),
    # ids
    "no id": added(
        "- action: fs:rename\n  input: {files: []}\n", "- id: fsRename\n  action: fs:rename\n  input: {files: []}\n"
    ),
    "no id behind a name": added(
        "-   name: Say   # it\n    action: debug:log\n",
        "-   id: debugLog\n    name: Say   # it\n    action: debug:log\n",
    ),
    "no ids of the same action": added(
        "- {action: 'debug:log'}\n- {action: 'debug:log'}\n",
        "- {id: debugLog, action: 'debug:log'}\n- {id: debugLog2, action: 'debug:log'}\n",
    ),
    "no id, but used": added(
        "- action: fs:readdir\n  input: {paths: [a]}\n" + READ.format("step-2"),
        "- id: step-2\n  action: fs:readdir\n  input: {paths: [a]}\n" + READ.format("step-2"),
    ),
    # quotes
    "apostrophe": (
        HEAD.replace("   # the name\n", "\n  title: 'Bob's service'  # his\n") + LOG.format("a"),
        HEAD.replace("   # the name\n", '\n  title: "Bob\'s service"  # his\n') + LOG.format("a"),
    ),
    "colon": logged("see: this # note", "'see: this' # note"),
    "at sign": logged("@acme/widgets", "'@acme/widgets'"),
    "text behind quotes": logged('"a" and "b"', '\'"a" and "b"\''),
    "text behind braces": logged("{{ name }} of it", "'{{ name }} of it'"),
    "backslash": logged('"\\d+ of it"', "'\\d+ of it'"),
    "expression in a list": added(
        "- id: a\n  action: fs:readdir\n  input: {paths: [${{ parameters.name }}, 'b', ${{ parameters.cloud }}]}\n",
        "- id: a\n  action: fs:readdir\n  input: {paths: ['${{ parameters.name }}', 'b', '${{ parameters.cloud }}']}\n",
    ),
    "text for a number": added(
        "- {id: a, action: 'debug:wait', input: {seconds: '5'}}\n",
        "- {id: a, action: 'debug:wait', input: {seconds: 5}}\n",
    ),
    "number for a text": added(
        "- id: a\n  action: catalog:write\n  input:\n    entity: {}\n    filePath: 010\n",
        "- id: a\n  action: catalog:write\n  input:\n    entity: {}\n    filePath: '010'\n",
    ),
    # conditions and delimiters
    "condition that is text": added(
        "- id: a\n  if: parameters.isPublic\n  action: debug:log\n",
        "- id: a\n  if: ${{ parameters.isPublic }}\n  action: debug:log\n",
    ),
    "condition in braces": added(
        "- id: a\n  if: '{{ parameters.isPublic }}'\n  action: debug:log\n",
        "- id: a\n  if: '${{ parameters.isPublic }}'\n  action: debug:log\n",
    ),
    # what is for others
    "workflow": logged(
        "|\n          on: push\n          ref: ${{ github.ref }} of ${{ github.sha }} by ${{ parameters.name }}",
        "|\n          on: push\n"
        "          ref: ${{ '${{ github.ref }}' }} of ${{ '${{ github.sha }}' }} by ${{ parameters.name }}",
    ),
    "comment sign": logged("'a {#fff of ${{ parameters.name }}'", "'a ${{ ''{#'' }}fff of ${{ parameters.name }}'"),
    "several at once": added(
        "- action: debug:lgo\n  inputs:\n    message: ${{ parameters.nmae || 'it' | uper }} # x\n",
        "- id: debugLgo\n  action: debug:log\n  input:\n    message: ${{ parameters.name or 'it' | upper }} # x\n",
    ),
}


def mend(text: str) -> str:
    return project.mend_text(text, "template.yaml", Options()).after


@pytest.mark.thorough(sample=21)
@pytest.mark.parametrize("case", MENDED)
def test_mistake_is_mended_and_nothing_else(case: str) -> None:
    before, after = MENDED[case]

    assert mend(before) == after
    assert mend(after) == after
    assert mend("\ufeff" + before.replace("\n", "\r\n")) == "\ufeff" + after.replace("\n", "\r\n")


@pytest.mark.parametrize(
    "text",
    [
        # what may be meant is not known for sure
        HEAD + LOG.format("${{ parameters.nickname }}"),
        HEAD + LOG.format("'{{ parameters.name }}'"),
        HEAD + "    - {id: a, action: 'debug:log', if: 'false'}\n",
        HEAD + "    - {id: a, action: 'acme:own', input: {x: 1}}\n",
        HEAD + "    - {id: a, action: 'publish:gitlab', input: {repoUrl: x, repoVisibility: hidden}}\n",
        # the name that would be right is there already
        HEAD + "    - {id: a, action: 'debug:log', input: {}, inputs: {}}\n",
        # the call goes on
        HEAD + LOG.format("${{ parameters.name.replaceAll('a', 'b').trim() }}"),
        # it would not run then either
        HEAD + FETCH + "        copyWithoutRender: [a]\n        templateFileExtension: true\n",
        # an anchor would change what stands elsewhere
        HEAD + LOG.format("&m ${{ parameters.nmae }}") + "    - {id: b, action: 'debug:log', input: {message: *m}}\n",
        # raw text that is probably wanted
        HEAD + LOG.format("${{ github.ref == 'a' && github.sha }}"),
        # switched off
        HEAD + LOG.format("${{ parameters.nmae }}  # backstage-py: ignore"),
        "a: [b\nc: 'it's'\n",
    ],
)
def test_what_is_not_sure_stays(text: str) -> None:
    assert mend(text) == text


SKELETON = HEAD.partition("  steps:\n")[0] + "  steps:\n" + FETCH.replace("https://example.com", ".")
VALUES = "        values: {name: '${{ parameters.name }}'}\n"
WORKFLOW = """\
name: ${{ values.name }}
on: push
jobs:
  a:
    runs-on: ${{ matrix.os }}
    if: ${{ github.event_name == 'push' && github.ref != 'x' }}
    steps:
      - ${{ github.sha }} ${{ secrets.T }} ${{ values.name }} ${{ env.X }}
      - run: echo ${{ hashFiles('**/go.sum') }} ${{ steps.a.outputs.b }}
      - run: echo {% raw %}${{ github.sha }}{% endraw %}
"""
ESCAPED = """\
name: ${{ values.name }}
on: push
jobs:
  a:
    runs-on: {% raw %}${{ matrix.os }}{% endraw %}
    if: {% raw %}${{ github.event_name == 'push' && github.ref != 'x' }}{% endraw %}
    steps:
      - {% raw %}${{ github.sha }} ${{ secrets.T }}{% endraw %} ${{ values.name }} {% raw %}${{ env.X }}{% endraw %}
      - run: echo {% raw %}${{ hashFiles('**/go.sum') }} ${{ steps.a.outputs.b }}{% endraw %}
      - run: echo {% raw %}${{ github.sha }}{% endraw %}
"""


def tree(folder: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def mended(folder: Path, *paths: str) -> dict[str, str]:
    outcome = project.mend_paths([folder / path for path in paths] or [folder], Options())
    for one in outcome.files:
        one.path.write_text(one.after, encoding="utf-8", newline="")
    again = project.mend_paths([folder / path for path in paths] or [folder], Options())
    assert (again.files, again.left) == ((), outcome.left)
    found = {one.path.relative_to(folder).as_posix(): one.after for one in outcome.files}
    return found | {"left": "\n".join(outcome.left)} if outcome.left else found


def rendered(text: str, *, trims: bool = False) -> str:
    return backstage_renderer(trim_blocks=trims, lstrip_blocks=trims).render(text, {"values": {"name": "web"}})


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        (".github/workflows/ci.yaml", WORKFLOW, ESCAPED),
        ("a.md", "${{ values.nmae | lowr }} ${{ value.name }}\n", "${{ values.name | lower }} ${{ values.name }}\n"),
        ("a.md", "${{ values.name||1 }}\n", "${{ values.name or 1 }}\n"),
        ("a.md", "${{ values.name.replaceAll('a', '') }}\n", "${{ values.name | replace('a', '') }}\n"),
        ("a.md", "${{ parameters.name }}, ${{ name }}\n", "${{ values.name }}, ${{ values.name }}\n"),
        ("run.sh", "n=${#list[@]} # ${{ values.name }}\n", "n={% raw %}${#list[@]}{% endraw %} # ${{ values.name }}\n"),
        ("a.css", "a {#fff} ${{ values.name }}\r\n", "a {% raw %}{#{% endraw %}fff} ${{ values.name }}\r\n"),
    ],
)  # fmt: skip
def test_skeleton_is_mended(tmp_path: Path, name: str, before: str, after: str) -> None:
    tree(tmp_path, {"template.yaml": SKELETON + VALUES, f"skeleton/{name}": before})

    assert mended(tmp_path) == {f"skeleton/{name}": after}


def test_escaped_expressions_come_out_as_they_were(tmp_path: Path) -> None:
    """Between tags, and in quotes where the step trims what stands around tags; in values of the template as well."""
    plain = WORKFLOW.replace("{% raw %}", "").replace("{% endraw %}", "").replace("${{ values.name }}", "web")
    assert rendered(ESCAPED) == plain

    files = {"template.yaml": SKELETON + VALUES + "        trimBlocks: true\n        lstripBlocks: true\n"}
    workflow = WORKFLOW.replace("{% raw %}", "").replace("{% endraw %}", "")
    tree(tmp_path, {**files, "skeleton/.github/workflows/ci.yaml": workflow})
    (text,) = mended(tmp_path).values()
    assert rendered(text, trims=True) == plain

    (value,) = re.findall(r"ref: .*", MENDED["workflow"][1])
    assert rendered(value) == "ref: ${{ github.ref }} of ${{ github.sha }} by "


def test_file_that_several_steps_read_is_mended_as_all_of_them_need_it(tmp_path: Path) -> None:
    """What one step lacks, another may pass; and what is copied as well is not changed for the one that renders."""
    other = SKELETON.replace("name: example", "name: other") + "        values: {nmae: '${{ parameters.name }}'}\n"
    text = "${{ values.nmae }} ${{ values.name | lowr }}\n"
    tree(tmp_path, {"a/template.yaml": SKELETON.replace("./skeleton", "../skeleton") + VALUES, "skeleton/x.md": text})
    tree(tmp_path, {"b/template.yaml": other.replace("./skeleton", "../skeleton")})
    (tmp_path / ".git").mkdir()
    assert mended(tmp_path) == {"skeleton/x.md": text.replace("lowr", "lower")}

    copying = SKELETON.replace("name: example", "name: c").replace("./skeleton", "../skeleton")
    tree(tmp_path, {"c/template.yaml": copying.replace("fetch:template", "fetch:plain"), "skeleton/x.md": text})
    assert mended(tmp_path) == {
        "left": f"{tmp_path}/skeleton/x.md is rendered by one step and copied as it is by another; it is left as it is"
    }


def test_renaming_copyWithoutRender_leaves_the_workflows_alone(tmp_path: Path) -> None:  # noqa: N802  # the input's name
    """What the template says after it was mended decides what is mended in its skeleton."""
    template = SKELETON + VALUES + "        copyWithoutRender: ['.github/**']\n"
    tree(tmp_path, {"template.yaml": template, "skeleton/.github/workflows/ci.yaml": WORKFLOW})

    assert mended(tmp_path) == {"template.yaml": template.replace("copyWithoutRender", "copyWithoutTemplating")}


def test_what_is_no_utf_8_is_left_with_a_sentence(tmp_path: Path) -> None:
    latin = (HEAD + LOG.format("${{ parameters.nmae }} ü")).encode("latin-1")
    tree(tmp_path, {"template.yaml": latin})

    at = latin.index("ü".encode("latin-1"))
    assert mended(tmp_path, "template.yaml") == {
        "left": f"{tmp_path}/template.yaml is no UTF-8 (byte {at}); it is left as it is: save it as UTF-8 first"
    }


ROOT = Path(__file__).parents[2]
TEMPLATES = sorted(
    path
    for part in ("examples", "skeletons")
    for path in (ROOT / part).rglob("template.yaml")
    if path.stat().st_size < 9000
)
TYPING_SLIPS = (
    lambda text, word: text.replace(word, word[:2] + word[3] + word[2] + word[4:], 1),
    lambda text, word: text.replace(word, f"{word}'s", 1),
    lambda text, word: text.replace(f"{word}: ", f"{word}: see: ", 1),
    lambda text, _: text.replace(".output.", ".", 1).replace("['", "['x", 1),
    lambda text, _: re.sub(r"\n( +)- id: [\w-]+\n +", r"\n\1- ", text, count=2),
    lambda text, _: text.replace("${{ ", "${{ !", 1).replace("${{ ", "{{ ", 1),
)


@pytest.mark.thorough(sample=2)
@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.parent.name)
def test_slips_at_random_are_mended_once_and_for_all(path: Path) -> None:
    """Whatever is broken: twice is like once, and it breaks no YAML, loses no comment, mixes no line ends."""
    good = path.read_text(encoding="utf-8")
    for seed in range(12):
        chance = random.Random(f"{path.parent.name}{seed}")  # no secret
        text = good
        for _ in range(1 + seed % 4):
            text = chance.choice(TYPING_SLIPS)(text, chance.choice(re.findall(r"\b[a-zA-Z]{5,}\b", text)))
        if seed % 3 == 0:
            text = text.replace("\n", "\r\n")

        after = mend(text)

        assert mend(after) == after
        assert is_yaml(after) or not is_yaml(text)
        assert sorted(re.findall(r"(?m)(?:^|\s)#.*$", after)) == sorted(re.findall(r"(?m)(?:^|\s)#.*$", text))
        assert ("\r\n" in after) == ("\r\n" in text)
        assert after.count("\n") == after.count("\r\n") or "\r\n" not in after
        assert errors(after) <= errors(text) or not is_yaml(text)


def is_yaml(text: str) -> bool:
    return not any(document.errors for document in yaml.load_all(text))


def errors(text: str) -> int:
    return sum(problem.severity == "error" for problem in check_text(text, "template.yaml"))
