"""Building again whenever an article or a labelled question is saved.

The encoder stays loaded, the vectors of unchanged texts are remembered, and the release is not
measured on the hold-out questions: that takes a quarter of the time, and the next `build` does it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from watchfiles import Change, watch

from retrieval.building import Sources, build
from retrieval.encoder import Encoder
from retrieval.errors import RetrievalError

_QUIET_MS = 100  # without another change: editors write, rename and touch one after another
_LONGEST_MS = 1000  # that changes are gathered for
_IDLE_MS = 500  # after which `stop` is looked at


def keep_building(
    sources: Sources,
    target: Path,
    encoder: Encoder,
    now: Callable[[], datetime],
    say: Callable[[str], None],
    stop: threading.Event,
) -> None:
    """Build at once, and after every change, until `stop` is set or Ctrl-C is pressed.

    What cannot be built is said, and the release before stays in service: the next save is the
    next attempt.

    Args:
        sources: What to read. The articles' folder is there; that of the questions may be missing.
        target: As in `build`.
        encoder: As in `build`.
        now: Gives the time, aware, UTC.
        say: Told in one line, or in several for mistakes, what happened.
        stop: Ends it, within a second.
    """
    questions = {sources.tuning, sources.holdout}
    folders = {sources.articles, *(file.parent for file in questions if file.parent.is_dir())}
    named = {file.resolve() for file in questions}
    within = sources.articles.resolve()

    def matters(_: Change, path: str) -> bool:
        changed = Path(path).resolve()
        if changed in named:
            return True
        # A folder that is renamed takes its articles along.
        return changed.is_relative_to(within) and (
            changed.suffix.lower() in ("", ".md") or changed.name == "products.yml"
        )

    # Changes are gathered from the first round on, also while a build runs: none is missed.
    rounds = watch(
        *folders,
        watch_filter=matters,
        debounce=_LONGEST_MS,
        step=_QUIET_MS,
        rust_timeout=_IDLE_MS,
        yield_on_timeout=True,
        stop_event=stop,
        raise_interrupt=True,
    )
    first = True
    for changes in rounds:
        if first or changes:
            _build_once(sources, target, encoder, now(), say)
        if first:
            say(f"watching {', '.join(sorted(map(str, folders)))}; Ctrl-C ends it")
        first = False


def _build_once(
    sources: Sources, target: Path, encoder: Encoder, now: datetime, say: Callable[[str], None]
) -> None:
    began = time.monotonic()
    try:
        built = build(sources, target, encoder, now, measure=False)
    except (RetrievalError, OSError) as error:  # an article between two saves, a full disk
        say(f"refused, the release before stays in service: {error}")
        return
    if built.skipped:
        say(f"release {built.release}: nothing has changed")
        return
    articles, passages = len(built.manifest["articles"]), built.manifest["passages"]
    say(
        f"release {built.release}: {articles} articles, {passages} passages, "
        f"{built.encoded} texts encoded, built in {time.monotonic() - began:.1f} s"
    )
