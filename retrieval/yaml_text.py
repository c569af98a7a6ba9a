"""YAML read by libyaml, and put together in Python.

PyYAML's own scanner takes half of the time of reading the articles. Its C loader is quick, and
ends the process on a text with some ten thousand brackets: it puts values together by recursion
in C. So just its scanner and parser are used; recursion in Python ends with a RecursionError.
"""

from __future__ import annotations

from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.cyaml import CParser  # type: ignore[attr-defined]
from yaml.resolver import Resolver


class Loader(Composer, CParser, SafeConstructor, Resolver):
    """As `yaml.SafeLoader`: plain values only."""

    def __init__(self, stream: str) -> None:
        CParser.__init__(self, stream)
        Composer.__init__(self)
        SafeConstructor.__init__(self)
        Resolver.__init__(self)


def load(text: str) -> Any:
    """The value of one YAML document.

    Raises:
        yaml.YAMLError: It is none, or is nested too deeply.
    """
    loader = Loader(text)
    try:
        return loader.get_single_data()
    except RecursionError as error:
        raise yaml.YAMLError("it is nested too deeply") from error
    finally:
        loader.dispose()
