"""The help centre: contents, search and articles, for browsers with and without JavaScript."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.exceptions import HTTPException

from gateway.auth import Passers
from gateway.guards import Limiter, page_headers
from gateway.library import Library
from gateway.routes.reading import readable
from gateway.search import Found, Search
from gateway.settings import Settings
from gateway.wording import Wording
from retrieval.articles import ALL_PRODUCTS, Article
from store import feedback
from store.database import Database
from support.conversation import Clock
from support.dates import spoken
from support.errors import BadRequest, SlowDown, TooLong, Unavailable

MAX_QUESTION = 200  # characters
MAX_RESULTS = 10
RELATED = 6
# Below this the index itself does not believe in its result: an empty page that offers a person
# says more than ten wrong titles. On the tuning questions, 315 of the 325 that an article answers
# keep it among ten results, and of the 185 that none answers 92 find nothing.
LEAST_PROBABILITY = 0.1
CONTACT = "contact-and-opening-hours"  # shown where there is one, for those without JavaScript

EVERY_PRODUCT = "Every product"
PRODUCT_NAMES = {
    "coffee_machine": "Coffee machines",
    "dishwasher": "Dishwashers",
    "refrigerator": "Fridge-freezers",
    "washing_machine": "Washing machines",
}
KIND_NAMES = {  # in the order in which they are shown
    "hazard": "Safety first",
    "procedure": "Something does not work",
    "how-to": "How to",
    "installation": "Setting up",
    "policy": "Terms and service",
    "lesson": "Good to know",
}


def help_pages(
    database: Database,
    library: Library,
    search: Search,
    limiter: Limiter,
    passers: Passers,
    wording: Wording,
    now: Clock,
    settings: Settings,
    web: Path,
) -> APIRouter:
    """The help centre's routes.

    Args:
        web: The folder `web/`.
    """
    router = APIRouter(include_in_schema=False)
    templates = Environment(
        loader=FileSystemLoader(web / "help"), autoescape=select_autoescape(), auto_reload=False
    )
    templates.filters["spoken"] = spoken
    shop: str = wording.widget["shop"]

    def rendered(template: str, path: str, status: int = 200, **values: Any) -> HTMLResponse:
        text = templates.get_template(template).render(
            shop=shop,
            canonical=settings.public_url.rstrip("/") + path,
            products=_products(library.customer_articles()),
            contact=library.customer_article(CONTACT),
            max_question=MAX_QUESTION,
            **values,
        )
        return HTMLResponse(text, status, headers=page_headers(frame_src="'self'"))

    def refused(error: SlowDown | BadRequest, status: int) -> HTMLResponse:
        page = rendered("message.html", "/help", status, title="Please try again", text=str(error))
        if isinstance(error, SlowDown):
            page.headers["Retry-After"] = str(error.retry_after_seconds)
        return page

    @router.get("/help")
    async def contents(
        request: Request, q: Annotated[str, Query()] = "", product: Annotated[str, Query()] = ""
    ) -> HTMLResponse:
        """Everything there is, or what fits a question."""
        if not q.strip():
            return rendered("contents.html", "/help", contents=_contents(library))
        try:
            limiter.check("help search", _address(request), settings.help_searches_per_minute)
            question = " ".join(readable(q, MAX_QUESTION).split())
        except SlowDown as error:
            return refused(error, 429)
        except TooLong as error:
            return refused(error, 413)
        except BadRequest as error:
            return refused(error, 400)
        chosen = product if product in dict(_products(library.customer_articles())) else None
        found, reduced = await _found(question, chosen)
        return rendered(
            "results.html", "/help", question=question, chosen=chosen, found=found, reduced=reduced
        )

    async def _found(question: str, product: str | None) -> tuple[list[dict[str, Any]], bool]:
        try:
            results = await search.find(question, product, "customer", MAX_RESULTS)
            reduced = False
        except Unavailable:
            results, reduced = library.with_words(question, product, MAX_RESULTS), True
        likely = (r for r in results if reduced or (r.probability or 0) >= LEAST_PROBABILITY)
        return [shown for one in likely if (shown := _result(library, one)) is not None], reduced

    @router.get("/help/{article_id}")
    async def article(
        article_id: str,
        told: Annotated[str, Query()] = "",
        accept: Annotated[str, Header()] = "",
    ) -> HTMLResponse:
        """One article, with a link to each of its sections."""
        found = library.customer_article(article_id)
        if found is None:
            if "text/html" not in accept:
                raise HTTPException(404, "There is no such article.")
            return rendered(
                "message.html", "/help", 404,
                title="This page does not exist",
                text="The article may have been renamed or withdrawn. Search for it, or look at "
                "all articles.",
            )  # fmt: skip
        return rendered(
            "article.html", f"/help/{found.id}",
            article=found,
            numbers=_numbers(found),
            product=product_name(found.products),
            kind=KIND_NAMES[found.kind],
            related=_related(library, found),
            told=told if told in ("yes", "no") else "",
        )  # fmt: skip

    @router.post("/help/{article_id}/verdict")
    async def verdict(
        article_id: str,
        request: Request,
        browser: Annotated[str, Header(alias="User-Agent")] = "",
        site: Annotated[str, Header(alias="Sec-Fetch-Site")] = "same-origin",
    ) -> Response:
        """Keep whether a page helped: one verdict of one visitor, article and day.

        Nobody is signed in here, so that a form on another site has nobody's rights to abuse; it
        is refused all the same where the browser says so.
        """
        found = library.customer_article(article_id)
        if found is None:
            raise HTTPException(404, "There is no such article.")
        if site != "same-origin":
            raise HTTPException(403, "Another site may not say whether a page helped.")
        try:
            limiter.check("page verdict", _address(request), settings.page_verdicts_per_minute)
        except SlowDown as error:
            return refused(error, 429)
        helped, version = _read_verdict(await request.body())
        # What was said of a version that has been replaced meanwhile is of no use to anybody.
        if version == found.version:
            at = now()
            mark = passers.mark(_address(request), browser, found.id, at.astimezone(UTC).date())
            async with database.begin() as tx:
                await feedback.add_for_page(tx, found.id, version, helped == "yes", mark, at)
        return RedirectResponse(f"/help/{found.id}?told={helped}#verdict", 303)

    return router


def product_name(products: Sequence[str]) -> str:
    """How a group of articles is headed: by its product, or for every one."""
    if len(products) > 1 or ALL_PRODUCTS in products:
        return EVERY_PRODUCT
    [product] = products
    spelt = product if product != product.lower() else product.replace("_", " ").capitalize()
    return PRODUCT_NAMES.get(product, spelt)


def _read_verdict(body: bytes) -> tuple[str, str]:
    """What the form under an article says: "yes" or "no", and about which version.

    Raises:
        BadRequest: It is not that form.
    """
    try:
        form = parse_qs(body.decode(), max_num_fields=4)
        helped, version = form["helped"][0], form["version"][0]
    except (ValueError, KeyError):
        helped = version = ""
    if helped not in ("yes", "no"):
        raise BadRequest("Say whether the page helped: helped=yes or helped=no.")
    return helped, version


def _contents(library: Library) -> list[tuple[str, list[tuple[str, list[Article]]]]]:
    """By product, those for every one last, then by kind, then by title."""
    grouped: dict[str, dict[str, list[Article]]] = {}
    for article in library.customer_articles():
        kinds = grouped.setdefault(product_name(article.products), {})
        kinds.setdefault(article.kind, []).append(article)
    order = sorted(grouped, key=lambda name: (name == EVERY_PRODUCT, name))
    return [
        (name, [(KIND_NAMES[k], grouped[name][k]) for k in KIND_NAMES if k in grouped[name]])
        for name in order
    ]


def _products(articles: Sequence[Article]) -> list[tuple[str, str]]:
    """What a search can be restricted to: (id, name), by name."""
    ids = {product for article in articles for product in article.products} - {ALL_PRODUCTS}
    return sorted(((one, product_name([one])) for one in ids), key=lambda pair: pair[1])


def _result(library: Library, found: Found) -> dict[str, Any] | None:
    """A result as the page shows it; None if the article is not, or no longer, for customers."""
    article = library.customer_article(found.article)
    section = article.section(found.section) if article is not None else None
    if article is None or section is None:
        return None
    return {
        "address": f"/help/{article.id}" + (f"#{section.anchor}" if section.anchor else ""),
        "title": article.title,
        "section": section.title,
        "quote": found.quote,
        "product": product_name(article.products),
    }


def _numbers(article: Article) -> Mapping[str, int]:
    """The number of each step by its anchor; an end has none."""
    steps = [step.anchor for step in article.steps if not step.is_end]
    return {anchor: number for number, anchor in enumerate(steps, 1)}


def _related(library: Library, article: Article) -> list[Article]:
    """Others for the same products, those of the same kind first."""
    others = [
        other
        for other in library.customer_articles()
        if other.id != article.id and product_name(other.products) == product_name(article.products)
    ]
    return sorted(others, key=lambda other: other.kind != article.kind)[:RELATED]


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"
