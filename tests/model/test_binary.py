import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstage_py.model.binary import is_binary

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/binary/isbinaryfile-5.json").read_text(encoding="utf-8"))


@pytest.mark.thorough(sample=130)
@pytest.mark.parametrize("sample", GOLDEN["samples"], ids=lambda sample: sample["base64"][:24] or "empty")
def test_files_are_binary_where_isbinaryfile_says_so(sample: dict[str, Any]) -> None:
    assert is_binary(base64.b64decode(sample["base64"])) is sample["binary"]


@given(st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc")), max_size=200))
def test_text_without_control_characters_is_never_binary(text: str) -> None:
    content = text.encode()
    if not content.startswith((b"%PDF-", b"\x84")):
        assert not is_binary(content)
