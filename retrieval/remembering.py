"""An encoder that does not encode a text twice, from one build to the next.

Most of a build's time is encoding, and after an edit nearly all texts are those of the build
before. A file keeps their vectors by a hash of the text; the texts themselves are not in it, so
nothing that was deleted can be quoted from it. It begins with the SHA-256 of the rest: a damaged
archive may open, and its vectors would go into a release that vouches for them.
"""

from __future__ import annotations

import hashlib
import io
import logging
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from retrieval.encoder import Encoder
from retrieval.files import write_bytes

log = logging.getLogger(__name__)

_UNREADABLE = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    BadZipFile,
    zlib.error,
    RuntimeError,  # a flipped bit says "encrypted", or names a compression that there is not
    TypeError,  # a single array, which is no archive
)


class RememberingEncoder:
    """Another encoder, and what it said before. Not for several threads."""

    def __init__(self, encoder: Encoder, file: Path) -> None:
        """Take up what a file remembers, if it is whole and of the same encoder.

        Args:
            encoder: That is asked for what is not remembered.
            file: Usually `var/knowledge/vectors.npz`; need not be there.
        """
        self._encoder, self._file = encoder, file
        self._known = _read(file, encoder)
        self._used: dict[bytes, NDArray[np.float32]] = {}
        self.encoded = 0  # texts that were not remembered

    @property
    def dim(self) -> int:
        return self._encoder.dim

    @property
    def fingerprint(self) -> str:
        return self._encoder.fingerprint

    @property
    def words(self) -> frozenset[str]:
        return self._encoder.words

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Encoder.encode`."""
        keys = [hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts]
        new = {
            key: text
            for key, text in zip(keys, texts, strict=True)
            if key not in self._used and key not in self._known
        }
        if new:
            self.encoded += len(new)
            encoded = self._encoder.encode(list(new.values()))
            self._used.update(zip(new, encoded, strict=True))
        for key in keys:
            self._used.setdefault(key, self._known.get(key))  # type: ignore[arg-type]
        return self._stacked(keys)

    def forget(self) -> None:
        """Start again from nothing."""
        self._known = {}

    def save(self) -> None:
        """Write what was used since this encoder was made; the rest is forgotten."""
        stream = io.BytesIO()
        np.savez(
            stream,
            fingerprint=np.array(self.fingerprint),
            # As numbers: numpy cuts the zero bytes off the end of texts.
            keys=np.frombuffer(b"".join(self._used), dtype=np.uint8).reshape(-1, 16),
            vectors=self._stacked(self._used),
        )
        content = stream.getvalue()
        write_bytes(self._file, hashlib.sha256(content).digest() + content)

    def _stacked(self, keys: Iterable[bytes]) -> NDArray[np.float32]:
        vectors = [self._used[key] for key in keys]
        return np.array(vectors, dtype=np.float32).reshape(-1, self.dim)


def _read(file: Path, encoder: Encoder) -> dict[bytes, NDArray[np.float32]]:
    try:
        content = file.read_bytes()
        if hashlib.sha256(content[32:]).digest() != content[:32]:
            raise ValueError("it is not the file that was written")
        with np.load(io.BytesIO(content[32:]), allow_pickle=False) as kept:
            if str(kept["fingerprint"]) != encoder.fingerprint:
                return {}
            keys, vectors = kept["keys"], kept["vectors"]
            if vectors.shape != (len(keys), encoder.dim):
                return {}
            return {key.tobytes(): vector for key, vector in zip(keys, vectors, strict=True)}
    except FileNotFoundError:
        return {}
    except _UNREADABLE as error:
        # Nothing is lost but the time to encode again.
        log.warning("remembered vectors cannot be read", extra={"reason": str(error)})
        return {}
