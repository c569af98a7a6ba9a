"""The pages people look at: the demo shop, the widget's frame, the console, the API."""

import os
from pathlib import Path

import fastapi_offline
from fastapi import APIRouter
from fastapi.responses import FileResponse
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from gateway.guards import page_headers
from gateway.settings import Settings

ASSET_KINDS = frozenset({".css", ".js", ".png", ".svg", ".webp", ".woff2"})


def pages(settings: Settings, web: Path) -> APIRouter:
    """The pages' routes.

    Args:
        web: The folder `web/`.
    """
    router = APIRouter(include_in_schema=False)
    ancestors = " ".join(("'self'", *settings.widget_origins))

    def page(file: str, **headers: str) -> FileResponse:
        return FileResponse(web / file, headers=page_headers(**headers))

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
