"""Writes the answers of the JS packages into the golden tables: `python -m tests.oracle.record`.

A new case is a line without its answer; everything else in the tables is what Node said.
"""

import json
from pathlib import Path

from backstage_py.model.json import Json
from tests.oracle.node import Oracle

TABLES = Path(__file__).resolve().parent.parent / "golden"
GOLDEN = TABLES / "yaml"


def table(name: str) -> list[dict[str, Json]]:
    """One golden table: a JSON list, one case a line."""
    cases: list[dict[str, Json]] = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    return cases


def save(name: str, cases: list[dict[str, Json]]) -> None:
    """Writes a table in the form that `table` reads."""
    lines = ",\n".join(json.dumps(case, ensure_ascii=True) for case in cases)
    (GOLDEN / f"{name}.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def first_errors(documents: list[dict[str, Json]]) -> list[dict[str, Json]]:
    """Documents with the first of their errors only, which is the one that Backstage shows."""
    return [{"error": found["errors"][0]} if "errors" in found else {"value": found["value"]} for found in documents]


def main() -> None:
    """Asks Node about every case of all tables."""
    record_yaml()
    record_templates()
    record_pages()


def record_pages() -> None:
    """Which pages of a form are shown, and the values that stay."""
    oracle = Oracle("pages.mjs")
    path = TABLES / "pages" / "pages.json"
    cases = json.loads(path.read_text(encoding="utf-8"))
    for case in cases:
        case["answer"] = without_id(oracle.ask({"pages": case["pages"], "values": case["values"]}))
    lines = ",\n".join(json.dumps(case, ensure_ascii=True) for case in cases)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    oracle.close()


def record_templates() -> None:
    """What `nunjitsu` gives for each template; of an error only its line."""
    oracle = Oracle("templating.mjs")
    for path in sorted((TABLES / "templating").glob("*.json")):
        table = json.loads(path.read_text(encoding="utf-8"))
        cases, contexts = table["cases"], table["contexts"]
        asked = [{**case, "context": contexts.get(str(case["context"]), case["context"])} for case in cases]
        for case, answer in zip(cases, oracle.ask_all(asked), strict=True):
            error = answer.get("error")
            case["expected"] = {"error": {"line": error["line"]}} if error else without_id(answer)
        lines = ",\n".join(f"  {json.dumps(case, ensure_ascii=True)}" for case in cases)
        head = f'{{\n "contexts": {json.dumps(contexts, ensure_ascii=True)},\n "cases": [\n'
        path.write_text(f"{head}{lines}\n ]\n}}\n", encoding="utf-8")
    oracle.close()


def without_id(answer: dict[str, Json]) -> dict[str, Json]:
    """What an answer says."""
    return {key: value for key, value in answer.items() if key != "id"}


def record_yaml() -> None:
    """What `yaml` reads and writes."""
    oracle = Oracle("yaml.mjs")
    parse = table("parse")
    for case, answer in zip(parse, oracle.ask_all({**case, "op": "parse"} for case in parse), strict=True):
        case["documents"] = first_errors(answer["documents"])
    save("parse", parse)
    stringify = table("stringify")
    for case, answer in zip(stringify, oracle.ask_all({**case, "op": "stringify"} for case in stringify), strict=True):
        case["text"] = answer["text"]
    save("stringify", stringify)
    oracle.close()


if __name__ == "__main__":
    main()
