"""How fast `backstage-py validate` is: one template including start, and 600 templates with 16,000 skeleton files.

    ./dev bench validate

The tree is made up, with the mix that public templates have: most files without expressions, some binary.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TEMPLATES = 600
GOAL_ALL = 30.0
GOAL_ONE = 0.5
TEMPLATE = """\
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {{name: template-{number}, title: Example}}
spec:
  owner: platform-team
  type: service
  parameters:
    - title: Details
      required: [name, owner]
      properties:
        name: {{type: string, pattern: "^[a-z][a-z0-9-]+$"}}
        owner: {{type: string, ui:field: OwnerPicker, ui:options: {{catalogFilter: {{kind: Group}}}}}}
        size: {{type: string, enum: [small, large], enumNames: [Small, Large]}}
      dependencies:
        size:
          oneOf:
            - properties: {{size: {{const: small}}}}
            - properties: {{size: {{const: large}}, replicas: {{type: integer}}}}
    - title: Location
      required: [repoUrl]
      properties:
        repoUrl: {{type: string, ui:field: RepoUrlPicker, ui:options: {{allowedHosts: [github.com]}}}}
  steps:
    - id: fetch
      name: Fetch
      action: fetch:template
      input:
        url: ./skeleton
        values:
          name: ${{{{ parameters.name }}}}
          owner: ${{{{ parameters.owner }}}}
          replicas: ${{{{ parameters.replicas or 1 }}}}
          repo: ${{{{ (parameters.repoUrl | parseRepoUrl).repo }}}}
    - id: publish
      name: Publish
      action: publish:github
      input:
        description: This is ${{{{ parameters.name }}}}
        repoUrl: ${{{{ parameters.repoUrl }}}}
    - id: register
      name: Register
      action: catalog:register
      input:
        repoContentsUrl: ${{{{ steps['publish'].output.repoContentsUrl }}}}
        catalogInfoPath: /catalog-info.yaml
  output:
    links:
      - title: Repository
        url: ${{{{ steps['publish'].output.remoteUrl }}}}
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        files = sum(write(root / f"template-{number}", number) for number in range(TEMPLATES))
        one = min(validate(root / "template-0") for _ in range(5))
        everything = validate(root)
    report(f"one template, start included: {one:.2f} s (goal {GOAL_ONE} s)")
    report(
        f"{TEMPLATES} templates with {files} skeleton files: {everything:.1f} s on {os.cpu_count()} cores"
        f" (goal {GOAL_ALL:.0f} s)"
    )


def write(folder: Path, number: int) -> int:
    """Write a template and return how many files its skeleton has."""
    source = "package main\n\n" + "".join(f'func f{i}() {{ println("{i}") }}\n' for i in range(120))
    workflow = "".join(f"  - run: echo {{% raw %}}${{{{ github.sha }}}}{{% endraw %}} {i}\n" for i in range(15))
    texts = {
        "README.md": f"# ${{{{ values.name }}}} {number}\n"
        + "words\n" * 100
        + "{% if values.owner %}owned{% endif %}\n",
        "catalog-info.yaml": f"# {number}\nmetadata:\n  name: ${{{{ values.name | dump }}}}\n",
        ".github/workflows/ci.yaml": f"name: ci-{number}\nsteps:\n{workflow}",
        **{f"src/f{i}.go": source for i in range(8)},
        **{
            f"src/pkg/${{{{ values.name }}}}-{i}.go": f"// ${{{{ values.name }}}} {number} {i}\n{source}"
            for i in range(8)
        },
        **{f"docs/{i}.md": "words " * 500 for i in range(6)},
    }
    skeleton = folder / "skeleton"
    for name, text in texts.items():
        (skeleton / name).parent.mkdir(parents=True, exist_ok=True)
        (skeleton / name).write_text(text)
    (skeleton / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20_000))
    (skeleton / "wrapper.jar").write_bytes(b"PK\x03\x04" + bytes(60_000))
    (folder / "template.yaml").write_text(TEMPLATE.format(number=number))
    return len(texts) + 2


def validate(path: Path) -> float:
    """Return the seconds that the command takes."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "backstage_py.cli", "validate", str(path), "--format", "json"]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise SystemExit(f"validate ended with {done.returncode}")
    return time.perf_counter() - started


def report(text: str) -> None:
    """Print a line of the result."""
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main()
