import json
import subprocess
import sys

from backstage_py.templating.engine import Json


def answers(cases: list[dict[str, Json]]) -> list[Json]:
    lines = "".join(json.dumps(case) + "\n" for case in cases)
    done = subprocess.run(
        [sys.executable, "-m", "backstage_py.templating", "--jsonl"],
        input=lines,
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_cases_are_answered_in_order() -> None:
    context = {"n": 1, "text": "\ud83d\ude00"}
    assert answers(
        [
            {"id": "a", "mode": "value", "source": "${{ n }}", "context": context},
            {"id": "b", "mode": "file", "source": "${{ n }}", "context": context},
            {"id": 3, "mode": "value", "source": "${{ missing }}", "context": {}},
            {"id": 4, "mode": "value", "source": "${{ [0/0, -0, missing] }}", "context": {}},
            {
                "id": 5,
                "mode": "file",
                "source": "{% if n %}\n{{ n }}",
                "context": context,
                "options": {"cookiecutterCompat": True},
            },
            {
                "id": 6,
                "mode": "file",
                "source": "{% if n %}\nx{% endif %}",
                "context": context,
                "options": {"trimBlocks": True},
            },
            {"id": 7, "mode": "value", "source": "${{ text[0] }}", "context": context},
            {
                "id": 8,
                "mode": "value",
                "source": "${{ 'github.com?owner=a&repo=b' | projectSlug }}${{ always() }}${{ failure() }}",
            },
        ]
    ) == [
        {"id": "a", "value": 1},
        {"id": "b", "value": "1"},
        {"id": 3, "undefined": True},
        {"id": 4, "value": [None, 0, None]},
        {"id": 5, "error": {"message": '"if" has no matching "{% endif %}"', "line": 1, "column": 1}},
        {"id": 6, "value": "x"},
        {"id": 7, "value": "\ud83d"},
        {"id": 8, "value": "a/btruefalse"},
    ]


def test_a_line_that_is_no_case_is_answered_too() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "backstage_py.templating", "--jsonl"],
        input='nonsense\n{"id":1}\n',
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert "no JSON" in first["error"]["message"]
    assert second["id"] == 1
    assert "source" in second["error"]["message"]


def test_wrong_arguments_say_how_it_is_used() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "backstage_py.templating"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "--jsonl" in done.stderr


def test_the_package_imports_nothing_else_of_the_project_and_no_regex_engine_yet() -> None:
    code = (
        "import sys, backstage_py.templating.engine; "
        "print(sorted(n for n in sys.modules if n.startswith('backstage_py.') or n == 're2'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = done.stdout.strip("[]\n").split(", ")
    assert all(name.startswith(("'backstage_py.templating", "'backstage_py.js")) for name in names)
