"""A short storm in every run of the tests; `make storm KILLS=100` is the long one."""

from benchmarks.installation import Installation
from benchmarks.storm import storm

KILLS = 9


async def test_a_short_storm(own_installation: Installation) -> None:
    """Nothing acknowledged is lost, doubled or out of order while processes are killed."""
    finding = await storm(own_installation, kills=KILLS, customers=4, seed=7)

    assert finding.violations == []
    assert sum(finding.kills.values()) == KILLS
    assert finding.acknowledged > KILLS
    assert finding.answered > 0
