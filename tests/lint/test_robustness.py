"""Whatever is handed over, the answer is a problem with a clear message, never an exception."""

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from backstage_py.lint.check import Options, check_file, check_text
from backstage_py.lint.discovery import check_paths
from backstage_py.lint.fixes import project
from backstage_py.model import yaml

TEMPLATE = """\
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: example}
spec:
  type: service
  steps:
    - id: fetch
      action: fetch:template
      input: {url: ./skeleton, values: {name: x}}
"""


def only_message(path: Path) -> str:
    (problem,) = check_file(path, path.name).problems
    assert problem.code == "BPY001"
    return problem.message


def test_binary_junk(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_bytes(bytes(range(256)) * 50)

    assert only_message(path) == "Cannot read template.yaml: it is binary, not text"


def test_file_of_100_mb(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    with path.open("wb") as file:
        file.truncate(100 * 1024 * 1024)

    assert only_message(path) == "Cannot read template.yaml: it has 100.0 MB; the limit is 5.0 MB"


def test_dangling_link(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.symlink_to(tmp_path / "nowhere")

    assert only_message(path) == "Cannot read template.yaml: no such file or directory"


def test_link_to_itself(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.symlink_to(path)

    assert "symbolic links" in only_message(path)


def test_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    os.mkfifo(path)

    assert only_message(path) == "Cannot read template.yaml: it is no regular file"


def test_folder_that_links_to_itself(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    (tmp_path / "skeleton" / "deep").mkdir(parents=True)
    (tmp_path / "skeleton" / "deep" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "skeleton" / "README.md").write_text("${{ values.name }}\n")

    assert check_paths([tmp_path], Options()) == []


def test_skeleton_with_everything_odd(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    skeleton = tmp_path / "skeleton"
    skeleton.mkdir()
    (skeleton / "broken").symlink_to(skeleton / "nowhere")
    (skeleton / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n${{ broken")
    (skeleton / "latin.txt").write_bytes("caf\xe9 ${{ values.name }}".encode("latin-1"))
    os.mkfifo(skeleton / "pipe")
    with (skeleton / "large.bin").open("wb") as file:
        file.truncate(50 * 1024 * 1024)

    assert check_paths([tmp_path], Options()) == []


def test_a_file_with_one_odd_byte_is_rendered_and_so_looked_at(tmp_path: Path) -> None:
    """Backstage decides with the npm package isbinaryfile, for which the signature of a format is no reason."""
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    (tmp_path / "skeleton").mkdir()
    (tmp_path / "skeleton" / "formats.txt").write_bytes(b"\x89PNG begins a picture. ${{ values.nmae }}\n")

    assert [one.code for one in check_paths([tmp_path], Options())] == ["BPY606"]


def test_path_out_of_the_repository_is_not_read(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    (repository / ".git").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text("{% if %}")
    (repository / "template.yaml").write_text(TEMPLATE.replace("./skeleton", "../outside"))

    problems = check_paths([repository], Options())

    assert [(one.code, one.message) for one in problems] == [("BPY601", '"../outside" leaves the repository')]


def test_deep_nesting(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE + "      deep: " + "[" * 5_000 + "]" * 5_000 + "\n")

    assert check_file(path, "template.yaml").problems


@given(st.text(max_size=300))
def test_any_text(text: str) -> None:
    assert all(problem.line >= 1 for problem in check_text(text, "template.yaml"))
    assert is_settled(text)


def is_settled(text: str) -> bool:
    """Whether mending a mended text changes nothing."""
    once = project.mend_text(text, "template.yaml", Options()).after
    return project.mend_text(once, "template.yaml", Options()).after == once


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=8),
    st.sampled_from(["${{ a || b }}", "{#", "${{ steps.a.b }}"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "action",
                    "input",
                    "if",
                    "url",
                    "properties",
                    "type",
                    "enum",
                    "required",
                    "dependencies",
                    "oneOf",
                    "links",
                ]
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(
        st.sampled_from(["parameters", "steps", "output", "secrets", "type", "owner", "formDecorators"]),
        VALUES,
        max_size=6,
    )
)
def test_any_shape_of_spec(spec: object) -> None:
    import json

    entity = {
        "apiVersion": "scaffolder.backstage.io/v1beta3",
        "kind": "Template",
        "metadata": {"name": "x"},
        "spec": spec,
    }

    assert isinstance(check_text(json.dumps(entity), "template.yaml"), list)
    assert is_settled(json.dumps(entity))
    assert is_settled(yaml.dump(entity))
