"""Work grows with a file as its length does, also where every entity of it is wrong; counted, not timed."""

import sys
from types import FrameType

from backstage_py.lint.check import _Source, check_text
from backstage_py.lint.rules import RULES

WRONG = """\
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: web
spec:
  type: service
  lifecycel: production
"""


class Scanned(str):
    """A text that counts how often it is looked through."""

    __slots__ = ("times",)
    times: int

    def __contains__(self, part: object) -> bool:
        self.times = getattr(self, "times", 0) + 1
        return isinstance(part, str) and part in str(self)


def calls(entities: int) -> int:
    count = 0

    def counted(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        check_text(WRONG * entities, "catalog-info.yaml")
    finally:
        sys.setprofile(before)
    return count


def test_a_text_is_looked_through_once_for_comments_whatever_is_wrong_in_it() -> None:
    text = Scanned(WRONG)
    source = _Source("catalog-info.yaml", text)

    assert not any(source.ignores(line, RULES[0]) for line in range(1, 8))
    assert text.times == 1


def test_work_grows_with_the_number_of_broken_entities() -> None:
    calls(10)  # what is made once

    assert calls(100) < 2.2 * calls(50)
