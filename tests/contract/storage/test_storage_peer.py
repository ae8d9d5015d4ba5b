"""What the peer lacks is said of rules that are tested, and leaves it many to keep."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

from tests.contract.storage import peer

_RULE = re.compile(r'mark\.rule\(\s*"(storage\.[^"]+)"')


def test_every_exception_is_of_a_rule_that_is_tested() -> None:
    sources = Path(__file__).parent.glob("test_*.py")
    rules = {rule for source in sources for rule in _RULE.findall(source.read_text("utf-8"))}
    unused = [pattern for pattern in peer.LACKS if not fnmatch.filter(rules, pattern)]
    assert not unused
    shared = [rule for rule in rules if not peer.lacks(rule)]
    assert len(shared) >= 20
