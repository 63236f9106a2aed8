"""One fault at a time in templates that are fine: each is told, in the line that it is in."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path as File

import pytest

from backstage_py.lint.check import check_text
from backstage_py.lint.rule import Path
from backstage_py.model import yaml
from backstage_py.model.json import Json
from backstage_py.model.problem import Problem
from tests.effort import EXAMPLES
from tests.lint import seeding
from tests.lint.seeding import Fault

ROOT = File(__file__).parents[2]
WIDE = """\
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata:
  name: web-service
  title: Web service
  description: 'A service with an API'
  tags:
    - recommended
spec:
  owner: platform-team
  type: service
  parameters:
    - title: About the service
      required: [name, owner]
      properties:
        name:
          title: Name
          type: string
          pattern: '^[a-z][a-z0-9-]+$'
          maxLength: 30
          ui:autofocus: true
        owner:
          title: Owner
          type: string
          description: "Who looks after it"
          ui:field: OwnerPicker
          ui:options:
            catalogFilter: {kind: Group}
        size:
          title: Size
          type: string
          enum: [small, large]
          enumNames: [Small, Large]
          default: small
        notes:
          title: Notes
          type: string
          ui:widget: textarea
      dependencies:
        size:
          oneOf:
            - properties:
                size:
                  enum: [small]
            - required: [replicas]
              properties:
                size:
                  enum: [large]
                replicas:
                  title: Replicas
                  type: integer
                  minimum: 2
    - title: Where it goes
      required: [repoUrl]
      properties:
        repoUrl:
          title: Repository
          type: string
          ui:field: RepoUrlPicker
          ui:options:
            allowedHosts: [github.com]
        isPublic:
          title: Is it public?
          type: boolean
          default: false
      allOf:
        - if:
            properties:
              isPublic:
                const: true
          then:
            properties:
              licence:
                title: Licence
                type: string
  steps:
    - id: fetch
      name: Fetch the skeleton
      action: fetch:template
      input:
        url: https://github.com/acme/templates/tree/main/skeleton
        targetPath: ./service
        replace: true
        values:
          name: ${{ parameters.name }}
          owner: ${{ parameters.owner | parseEntityRef | pick('name') }}
          size: ${{ parameters.size or 'small' }}
          replicas: ${{ parameters.replicas if parameters.size === 'large' else 1 }}
          repo: ${{ (parameters.repoUrl | parseRepoUrl).repo }}
          licence: ${{ parameters.licence }}
          notes: ${{ parameters.notes | trim }}
    - id: tell
      name: Tell who made it
      action: debug:log
      if: ${{ parameters.size === 'large' and parameters.isPublic }}
      input:
        message: ${{ user.entity.metadata.name }} makes ${{ parameters.name }}
    - id: publish
      name: Publish
      action: publish:github
      input:
        repoUrl: ${{ parameters.repoUrl }}
        description: This is ${{ parameters.name }}
        defaultBranch: main
        repoVisibility: private
        protectDefaultBranch: true
    - id: register
      name: Register
      action: catalog:register
      input:
        repoContentsUrl: ${{ steps.publish.output.repoContentsUrl }}
        catalogInfoPath: /catalog-info.yaml
        optional: true
  output:
    links:
      - title: Repository
        url: ${{ steps.publish.output.remoteUrl }}
      - title: Open in the catalog
        icon: catalog
        entityRef: ${{ steps['register'].output.entityRef }}
    text:
      - title: Next
        content: |
          Clone ${{ parameters.name }} and go on.
"""
ORIGINALS = {
    "wide": WIDE,
    **{
        str(found.relative_to(ROOT).parent): found.read_text(encoding="utf-8")
        for found in sorted((*ROOT.glob("skeletons/*/template.yaml"), *ROOT.glob("examples/*/**/template.yaml")))
        if "content" not in found.parts
    },
}


def told(text: str) -> list[Problem]:
    return [one for one in check_text(text, "template.yaml") if one.severity != "info"]


@pytest.mark.parametrize("name", ORIGINALS)
def test_template_that_is_fine_has_no_error(name: str) -> None:
    assert [one for one in told(ORIGINALS[name]) if one.severity == "error"] == []


@pytest.mark.thorough(sample=2)
@pytest.mark.parametrize("name", ORIGINALS)
def test_each_fault_is_told_in_its_line(name: str) -> None:
    original = ORIGINALS[name]
    before = Counter((one.line, one.code, one.message) for one in told(original))
    same = [one.value for one in yaml.load_all(original)]
    tried: Counter[str] = Counter()
    missed: list[Fault] = []
    for fault in seeding.faults(original, seed=16):
        if [one.value for one in yaml.load_all(fault.text)] == same or tried[fault.kind] >= max(10, EXAMPLES // 100):
            continue
        tried[fault.kind] += 1
        new = [one for one in told(fault.text) if not before[one.line, one.code, one.message]]
        if fault.line not in {one.line for one in new}:
            missed.append(fault)

    assert len(missed) <= tried.total() // 50, "\n".join(map(str, missed))
    assert tried.total() > 40


ODD: tuple[Json, ...] = (
    None,
    True,
    0,
    -1.5,
    "",
    "${{ a",
    [],
    {},
    [None],
    [[]],
    {"a": None},
    ["a", "a"],
    {"$yaml": "x"},
)


@pytest.mark.thorough
def test_odd_value_anywhere_is_told_or_taken() -> None:
    """Each place of a template gets three values of the wrong kinds, in turn; nothing is raised."""
    whole = yaml.load(WIDE)
    for number, path in enumerate(_places(whole)):
        for odd in (ODD * 2)[number % len(ODD) :][:3]:
            assert check_text(yaml.dump(_with(whole, path, odd)), "template.yaml") is not None


def _places(value: Json, path: Path = ()) -> Iterator[Path]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield (*path, key)
        yield from _places(child, (*path, key))


def _with(value: Json, path: Path, odd: Json) -> Json:
    if not path:
        return odd
    first, *rest = path
    changed: Json = dict(value) if isinstance(value, dict) else list(value)
    changed[first] = _with(value[first], tuple(rest), odd)
    return changed
