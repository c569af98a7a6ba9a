"""Asks the action server what the articles say: it has the index, and the encoder, in memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

import httpx

from support.errors import Unavailable

TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Found:
    """The best section of one article, and why it was found."""

    article: str
    title: str
    section: str  # its anchor; "" for what stands before the first heading
    section_title: str
    quote: str
    probability: float | None = None  # None: found by its words alone
    matched: str = ""  # the passage, or the customers' phrase, that fitted best
    words: tuple[str, ...] = ()  # the question's words that stand in it


class Search:
    """A pool of connections to the action server."""

    def __init__(self, url: str, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._http = httpx.AsyncClient(
            base_url=url,
            timeout=timeout_seconds,
            limits=httpx.Limits(max_connections=8, max_keepalive_connections=4),
            trust_env=False,  # the action server is on loopback: no proxy has a say
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def find(
        self,
        question: str,
        product: str | None,
        audience: Literal["customer", "agent"],
        limit: int,
    ) -> list[Found]:
        """The best sections for a question, best first, at most one of each article.

        Raises:
            Unavailable: The action server did not answer in time, or not in our form.
        """
        body = {"question": question, "product": product, "audience": audience, "limit": limit}
        try:
            response = await self._http.post("/search", json=body)
            response.raise_for_status()
            return [_found(one) for one in response.json()["results"]]
        except httpx.HTTPStatusError as error:
            reason = f"answered {error.response.status_code}"
            raise Unavailable("The search of the articles", reason) from error
        except httpx.HTTPError as error:
            reason = f"did not answer ({type(error).__name__})"
            raise Unavailable("The search of the articles", reason) from error
        except (ValueError, KeyError, TypeError) as error:
            reason = "answered in a form that is not ours"
            raise Unavailable("The search of the articles", reason) from error


def _found(wire: Mapping[str, Any]) -> Found:
    texts = {
        name: wire[key]
        for name, key in (
            ("article", "article_id"),
            ("title", "title"),
            ("section", "anchor"),
            ("section_title", "section_title"),
            ("quote", "quote"),
            ("matched", "matched"),
        )
    }
    words = tuple(wire["words"])
    if not all(isinstance(text, str) for text in (*texts.values(), *words)):
        raise TypeError("a text that is none")
    return Found(**texts, probability=float(wire["probability"]), words=words)
