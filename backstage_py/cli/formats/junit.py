"""JUnit's XML: a suite per file, a case per problem; errors are failures, the rest passes with its text as output."""

from collections.abc import Sequence
from itertools import groupby
from xml.etree import ElementTree as ET

from backstage_py.model.problem import Problem


def render(problems: Sequence[Problem]) -> str:
    """Return one XML document."""
    errors = sum(problem.severity == "error" for problem in problems)
    root = ET.Element("testsuites", name="backstage-py validate", tests=str(len(problems)), failures=str(errors))
    for file, group in groupby(sorted(problems), key=lambda problem: problem.file):
        _suite(root, file, list(group))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(root: ET.Element, file: str, problems: list[Problem]) -> None:
    errors = sum(problem.severity == "error" for problem in problems)
    counts = {"tests": str(len(problems)), "failures": str(errors), "errors": "0"}
    suite = ET.SubElement(root, "testsuite", {"name": clean(file), **counts})
    for problem in problems:
        name = f"{problem.code} at {problem.line}:{problem.column}"
        case = ET.SubElement(suite, "testcase", name=name, classname=clean(file))
        text = clean(
            f"{file}:{problem.line}:{problem.column}: {problem.message}{f' ({problem.fix})' if problem.fix else ''}"
        )
        if problem.severity == "error":
            ET.SubElement(case, "failure", message=clean(problem.message), type=problem.code).text = text
        else:
            ET.SubElement(case, "system-out").text = f"{problem.severity}: {text}"


def clean(text: str) -> str:
    """Replace what XML cannot hold."""
    return "".join(
        one if one in "\t\n\r" or " " <= one <= "\ud7ff" or one > "\ue000" else "\N{REPLACEMENT CHARACTER}"
        for one in text
    )
