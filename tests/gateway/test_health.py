"""What the operator's tools ask."""

import httpx

from tests.gateway.conftest import Start, Visitor
from tests.neighbours import ScriptedRasa


async def test_the_health_of_each_part(visitor: Visitor, rasa: ScriptedRasa) -> None:
    """Without Rasa or actions messages are still taken: degraded, not down."""
    found = await visitor.http.get("/health")
    assert found.status_code == 200
    parts = found.json()
    assert (parts["status"], parts["store"]["status"], parts["rasa"]["status"]) == (
        "degraded",
        "ok",
        "ok",
    )
    assert parts["actions"]["status"] == "down"  # none was started
    rasa.broken = (503, "not_ready")
    assert (await visitor.http.get("/health")).json()["rasa"]["status"] == "down"
    rasa.die()
    assert (await visitor.http.get("/health")).json()["rasa"]["status"] == "down"
    assert (await visitor.http.get("/health/live")).json() == {"status": "ok"}


async def test_figures_are_for_this_machine(visitor: Visitor) -> None:
    """A proxy on this machine speaks for strangers, and says so."""
    await visitor.ask("My name is Ada Lovelace")
    figures = await visitor.http.get("/metrics")
    assert figures.status_code == 200
    assert 'aftercare_messages_total{author="customer"}' in figures.text
    assert "Ada" not in figures.text
    assert visitor.conversation not in figures.text
    forwarded = {"X-Forwarded-For": "127.0.0.1"}
    assert (await visitor.http.get("/metrics", headers=forwarded)).status_code == 404


async def test_figures_by_token(start: Start) -> None:
    """For a Prometheus elsewhere."""
    with start(metrics_token="a token of the operator") as url:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
            for token, status in (
                ("a token of the operator", 200),
                ("another", 404),
                ("", 404),
                ("é", 404),
            ):
                headers = {"Authorization": f"Bearer{token and ' '}{token}".encode()}
                assert (await http.get("/metrics", headers=headers)).status_code == status
            assert (await http.get("/metrics")).status_code == 404
