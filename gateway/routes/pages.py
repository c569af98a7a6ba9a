"""The pages people look at: the demo shop, the widget's frame, the console, the help articles."""

import os
from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse
from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from gateway.guards import page_headers
from gateway.library import Library
from gateway.settings import Settings
from gateway.wording import Wording

ASSET_KINDS = frozenset({".css", ".js", ".png", ".svg", ".webp", ".woff2"})

PRODUCT_NAMES = {
    "coffee_machine": "Coffee machines",
    "dishwasher": "Dishwashers",
    "washing_machine": "Washing machines",
}


def pages(library: Library, wording: Wording, settings: Settings, web: Path) -> APIRouter:
    """The pages' routes.

    Args:
        web: The folder `web/`.
    """
    router = APIRouter(include_in_schema=False)
    templates = Environment(
        loader=FileSystemLoader(web / "help"), autoescape=select_autoescape(), auto_reload=False
    )
    shop: str = wording.widget["shop"]
    ancestors = " ".join(("'self'", *settings.widget_origins))

    def page(file: str, **headers: str) -> FileResponse:
        return FileResponse(web / file, headers=page_headers(**headers))

    def rendered(template: str, **values: Any) -> HTMLResponse:
        text = templates.get_template(template).render(shop=shop, **values)
        return HTMLResponse(text, headers=page_headers(frame_src="'self'"))

    @router.get("/")
    async def demo_shop() -> FileResponse:
        return page("shop/index.html", frame_src="'self'")

    @router.get("/widget/loader.js")
    async def loader() -> FileResponse:
        return FileResponse(
            web / "widget/loader.js",
            media_type="text/javascript",
            headers={
                "Cache-Control": "public, max-age=300",
                "Cross-Origin-Resource-Policy": "cross-origin",
            },
        )

    @router.get("/widget/frame")
    async def frame() -> FileResponse:
        return page("widget/frame.html", frame_ancestors=ancestors)

    @router.get("/console")
    async def console() -> FileResponse:
        return page("console/index.html")

    @router.get("/docs")
    async def api_page() -> FileResponse:
        response = page("docs/index.html")
        # Swagger UI sets styles of its own; scripts stay ours.
        policy = response.headers["Content-Security-Policy"]
        response.headers["Content-Security-Policy"] = policy.replace(
            "style-src 'self'", "style-src 'self' 'unsafe-inline'"
        )
        return response

    @router.get("/help")
    async def contents() -> HTMLResponse:
        by_product: dict[str, list[Any]] = {}
        for article in library.customer_articles():
            several = len(article.products) > 1
            product = (
                "Every product"
                if several
                else PRODUCT_NAMES.get(
                    article.products[0], article.products[0].replace("_", " ").capitalize()
                )
            )
            by_product.setdefault(product, []).append(article)
        return rendered("contents.html", by_product=dict(sorted(by_product.items())))

    @router.get("/help/{article_id}")
    async def article(article_id: str) -> HTMLResponse:
        found = library.customer_article(article_id)
        if found is None:
            raise HTTPException(404, "There is no such article.")
        return rendered("article.html", article=found)

    return router


class Assets(StaticFiles):
    """The files that pages load, and no pages: those come with a policy, from their routes."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Where a file is; nowhere, for what pages do not load."""
        return super().lookup_path(path) if Path(path).suffix in ASSET_KINDS else ("", None)


def assets(web: Path) -> list[BaseRoute]:
    """The files that pages load."""
    swagger_ui = Path(fastapi_offline.__file__).parent / "static"
    return [
        Mount("/widget/assets", Assets(directory=web / "widget")),
        Mount("/console/assets", Assets(directory=web / "console")),
        Mount("/shop", Assets(directory=web / "shop")),
        Mount("/help/assets", Assets(directory=web / "help")),
        Mount("/docs/assets", Assets(directory=web / "docs")),
        Mount("/docs/swagger", Assets(directory=swagger_ui)),
    ]
