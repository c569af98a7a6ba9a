"""A knowledge release without an index, and an action server that has its results written."""

import hashlib
import json
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response

from retrieval.articles import Article, Branch, Section, Step
from retrieval.release_files import FORMAT, write_pointer
from tests.neighbours import free_port, serve

_COMMON = {
    "symptoms": (),
    "audience": "customer",
    "owner": "kitchen-team",
    "review_by": date(2027, 6, 1),
    "version": "1a2b3c4d",
}
DRAIN = Article(
    **_COMMON
    | {"symptoms": ("standing water",)},
    id="dishwasher-does-not-drain",
    title="The dishwasher does not drain",
    kind="procedure",
    products=("dishwasher",),
    path="dishwasher/does-not-drain.md",
    sections=(
        Section("", "", "Something blocks the way out.", 1),
        Step("hum", "Listen to the pump", "Start the rinse programme and listen.", 3,
             "Start the rinse programme and listen.", None, "Does the pump hum?",
             (Branch("yes", "filter"), Branch("no", "end"))),
        Step("filter", "Clean the filter", "Rinse the filter. <b>Gently</b> & well.", 7,
             "Rinse the filter. <b>Gently</b> & well."),
        Step("end", "If nothing helped", "A technician has to look at the pump.", 9,
             "A technician has to look at the pump."),
    ),
)  # fmt: skip
SALT = Article(
    **_COMMON,
    id="dishwasher-add-salt",
    title="Add dishwasher salt",
    kind="how-to",
    products=("dishwasher",),
    path="dishwasher/add-salt.md",
    sections=(
        Section("", "", "Salt keeps the glasses clear.", 1),
        Section("fill", "Fill the container", "Pour in one kilogram with the funnel.", 3),
    ),
)
CONTACT = Article(
    **_COMMON,
    id="contact-and-opening-hours",
    title="Contact and opening hours",
    kind="policy",
    products=("dishwasher", "coffee_machine"),
    path="general/contact.md",
    sections=(Section("", "", "Write to us from 8 to 18 o'clock.", 1),),
)
GOODWILL = Article(
    **_COMMON | {"audience": "agent", "review_by": date(2026, 12, 1)},
    id="goodwill",
    title="Goodwill vouchers",
    kind="policy",
    products=("all",),
    path="general/goodwill.md",
    sections=(Section("", "", "Vouchers up to fifty euros need no approval.", 1),),
)
ARTICLES = (DRAIN, SALT, CONTACT, GOODWILL)


def publish(folder: Path, articles: tuple[Article, ...] = ARTICLES) -> None:
    """Write a release that the help pages can read."""
    content = json.dumps([article.to_json() for article in articles]).encode()
    described = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    manifest = json.dumps(
        {
            "format": FORMAT,
            "fingerprint": "",
            "encoder": "none",
            "articles": {article.id: article.version for article in articles},
            "calibration": {},
            "measured": {},
            "files": {"articles.json": described},
        }
    ).encode()
    release = "20261122T120000000000Z-" + hashlib.sha256(manifest).hexdigest()[:16]
    place = folder / "releases" / release
    place.mkdir(parents=True)
    (place / "articles.json").write_bytes(content)
    (place / "manifest.json").write_bytes(manifest)
    write_pointer(folder, release, [article.id for article in articles])


def result(article: Article, anchor: str, probability: float = 0.9, **more: Any) -> dict[str, Any]:
    """A result as the action server gives it."""
    section = article.section(anchor)
    assert section is not None
    return {
        "article_id": article.id,
        "title": article.title,
        "kind": article.kind,
        "anchor": anchor,
        "section_title": section.title,
        "version": article.version,
        "quote": section.text,
        "score": 0.7,
        "cosine": 0.8,
        "lexical": 0.6,
        "probability": probability,
        "matched": f"{article.title}: {section.title}",
        "words": ["drain"],
    } | more


class ScriptedSearch:
    """The action server's `/search`, on loopback."""

    def __init__(self) -> None:
        self.port = free_port()
        self.results: list[dict[str, Any]] = []
        self.answer: tuple[int, bytes] | None = None  # status and body, instead of the results
        self.calls: list[dict[str, Any]] = []
        self._serving: AbstractContextManager[str] | None = None

    def start(self) -> None:
        """Listen."""
        self._serving = serve(self._app(), self.port, graceful_seconds=0)
        self._serving.__enter__()

    def die(self) -> None:
        """Stop listening."""
        if self._serving is not None:
            serving, self._serving = self._serving, None
            serving.__exit__(None, None, None)

    def _app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/search")
        async def search(request: Request) -> Response:
            self.calls.append(await request.json())
            status, body = self.answer or (
                200,
                json.dumps({"release": "r", "results": self.results}).encode(),
            )
            return Response(body, status, media_type="application/json")

        return app
