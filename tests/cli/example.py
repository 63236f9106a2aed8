"""A template with a skeleton, a branch in its form, and an output, which the commands of authors run in tests."""

from pathlib import Path

TEMPLATE = """\
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: example}
spec:
  type: service
  parameters:
    - required: [name]
      properties:
        name: {type: string, pattern: "^[a-z]+$"}
        size: {type: string, enum: [small, large], default: small}
        loud: {type: boolean, default: false}
      dependencies:
        loud:
          oneOf:
            - properties: {loud: {const: true}, volume: {type: integer, minimum: 1}}
              required: [volume]
            - properties: {loud: {const: false}}
  secrets:
    schema: {type: object, properties: {token: {type: string}}}
  steps:
    - id: fetch
      name: Fill in
      action: fetch:template
      input:
        url: ./skeleton
        values: {name: "${{ parameters.name }}", size: "${{ parameters.size }}"}
    - id: shout
      if: ${{ parameters.loud }}
      action: debug:log
      input: {message: "LOUD ${{ parameters.volume }}"}
    - id: publish
      action: publish:github
      input: {repoUrl: "github.com?owner=acme&repo=${{ parameters.name }}"}
  output:
    links: [{title: Repository, url: "${{ steps.publish.output.remoteUrl }}"}]
    text: [{title: Name, content: "${{ parameters.name }}"}]
"""


def write(folder: Path) -> None:
    """Write the template with its skeleton."""
    (folder / "skeleton").mkdir()
    (folder / "skeleton" / "README.md").write_text("# ${{ values.name }} (${{ values.size }})\n")
    script = folder / "skeleton" / "run.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    (folder / "template.yaml").write_text(TEMPLATE)


def write_cases(folder: Path, cases: str) -> None:
    """Write its test file."""
    (folder / "template.test.yaml").write_text("cases:\n" + cases)
