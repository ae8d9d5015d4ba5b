"""Fifty deaths in the middle of everything: what was acknowledged is there, and nothing half."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from tests.contract.conftest import StartCloud
from tests.contract.crash.campaign import Campaign, all_loads

README = "include/localcloud/README.md#how-it-is-proven"
KILLS = 50
# Every fifth death strikes a cloud that is just starting on what the one before it left.
_STARTING_EVERY = 5


@pytest.mark.rule("localcloud.survival.kill", README)
def test_nothing_acknowledged_is_lost_and_nothing_is_half(
    start_cloud: StartCloud, tmp_path: Path
) -> None:
    seed = int(os.environ.get("CRASH_SEED", time.time()))
    print(f"CRASH_SEED={seed}")
    begin = time.monotonic()
    campaign = Campaign(start_cloud, tmp_path, all_loads(), seed)
    campaign.prepare()
    number = 0
    while campaign.kills < KILLS:
        campaign.round(number)
        number += 1
        if campaign.kills % _STARTING_EVERY == _STARTING_EVERY - 1:
            campaign.kill_while_starting()
    campaign.finish()
    summary = {load.name: load.summary() for load in campaign.loads}
    print(f"{campaign.kills} kills in {time.monotonic() - begin:.0f} s: {json.dumps(summary)}")
    assert not campaign.problems, "\n".join(campaign.problems)
    idle = [name for name, counts in summary.items() if counts.get("acknowledged") == 0]
    assert not idle, "a load that writes nothing proves nothing"
    assert sum(counts.get("struck", 0) for counts in summary.values()) > KILLS
