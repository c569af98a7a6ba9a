"""Texts to vectors.

The network is all-MiniLM-L6-v2 (sentence-transformers; Wang et al., NeurIPS 2020), 384
dimensions. Models are *made* with torch and sentence-transformers, in `export`, and *served* with
onnxruntime and tokenizers alone: 0.6 s to load instead of 8, a fifth of the memory, a fifth of the
time for one question.

`var/encoder/` is the contract with everything else that encodes, `bot/sentence_featurizer.py`
included:

- `model-int8.onnx`: what this room encodes with. The network below with weights of one byte
- `model.onnx`: inputs `input_ids`, `attention_mask`, `token_type_ids`, int64 (n, tokens); output
  `sentence_embedding`, float32 (n, 384), averaged over the true tokens and of length 1
- `tokenizer.json`: truncates to `max_tokens` and does not pad. The published file pads everything
  to 128 tokens; fed to a network without its mask, that padding moves every vector
- `encoder.json`: SHA-256 and size of them, `dim`, `max_tokens`, and which weights they are from

Beside it may stand `var/encoder-adapted/`, in the same form, made by `adaptation` from the same
weights: `preferred` says which of the two encodes articles and the questions to them.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession, SessionOptions  # type: ignore[attr-defined]
from tokenizers import Tokenizer

from retrieval.errors import EncoderDamaged
from retrieval.files import sha256_of

log = logging.getLogger(__name__)

FORMAT = 2
INT8, EXACT = "model-int8.onnx", "model.onnx"
FILES = (INT8, EXACT, "tokenizer.json")


class Encoder(Protocol):
    """Anything that turns texts into unit vectors."""

    @property
    def dim(self) -> int:
        """Numbers per vector."""

    @property
    def fingerprint(self) -> str:
        """Equal for two encoders exactly when their vectors may be compared."""

    @property
    def words(self) -> frozenset[str]:
        """The whole words it was taught, in small letters; none when it has no such list."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of the texts, float32, shape (len(texts), dim), each of length 1."""


@dataclass(frozen=True, slots=True)
class HashingEncoder:
    """Words hashed into dimensions: no model, no meaning, the same everywhere. For tests."""

    dim: int = 256

    @property
    def fingerprint(self) -> str:
        return f"hashing-{self.dim}"

    @property
    def words(self) -> frozenset[str]:
        return frozenset()

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Encoder.encode`; a text without a word gets the first unit vector."""
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in re.findall(r"\w+", text.lower()):
                vectors[row, zlib.crc32(word.encode()) % self.dim] += 1.0
            if not vectors[row].any():
                vectors[row, 0] = 1.0
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors


class OnnxEncoder:
    """The exported network under onnxruntime. Safe to call from several threads.

    Every text is encoded by itself: a network of whole numbers scales its inputs by the largest
    among them, so that neighbours in a batch would change each other's vectors.
    """

    def __init__(
        self,
        session: InferenceSession,
        tokenizer: Tokenizer,
        dim: int,
        max_tokens: int,
        fingerprint: str,
        threads: int,
    ) -> None:
        # The file says so already; said again here because a tokenizer that pads to a fixed
        # length without its mask costs a third of the right answers and raises no error.
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_length=max_tokens)
        self._session, self._tokenizer = session, tokenizer
        self._dim, self._fingerprint, self._threads = dim, fingerprint, threads
        self._words = frozenset(word for word in tokenizer.get_vocab() if word.isalpha())

    @classmethod
    def load(cls, folder: Path, threads: int = 1, file: str = INT8) -> OnnxEncoder:
        """Read what `export` wrote, after checking every byte of it.

        Args:
            folder: Usually `var/encoder`.
            threads: How many texts of one call are encoded at once. One is right for serving;
                building may use all cores.
            file: `EXACT` for the network as it was published, three times as slow.

        Raises:
            EncoderDamaged: A file is missing, altered or not from this version.
        """
        described, contents = _read_whole(folder, (file, "tokenizer.json"))
        options = SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # Waiting threads must sleep, not spin: the cores belong to other processes too.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            # From the bytes that were compared, not from files that may be others by now.
            session = InferenceSession(contents[file], options, providers=["CPUExecutionProvider"])
            tokenizer = Tokenizer.from_buffer(contents["tokenizer.json"])
        except Exception as error:  # onnxruntime and tokenizers raise bare Exceptions
            raise EncoderDamaged(folder, f"cannot be loaded ({error})") from error
        # Nothing vouches for encoder.json itself: what it says besides hashes, its files say too.
        limit = described["max_tokens"]
        if tokenizer.padding is None:  # as `export` writes it; the published one pads, to less
            limit = (tokenizer.truncation or {}).get("max_length")
        numbers = session.get_outputs()[0].shape[-1]
        if (numbers, limit) != (described["dim"], described["max_tokens"]):
            raise EncoderDamaged(folder, "encoder.json does not describe its files")
        return cls(
            session,
            tokenizer,
            dim=described["dim"],
            max_tokens=described["max_tokens"],
            fingerprint=described["files"][file]["sha256"],
            threads=threads,
        )

    @property
    def dim(self) -> int:
        return self._dim

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def words(self) -> frozenset[str]:
        return self._words

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Encoder.encode`."""
        vectors = np.empty((len(texts), self._dim), dtype=np.float32)
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        if self._threads > 1 and len(texts) > 1:
            with ThreadPoolExecutor(self._threads) as pool:
                for row, vector in enumerate(pool.map(self._encode_one, tokens)):
                    vectors[row] = vector
        else:
            for row, ids in enumerate(tokens):
                vectors[row] = self._encode_one(ids)
        return vectors

    def _encode_one(self, tokens: list[int]) -> NDArray[np.float32]:
        ids = np.array([tokens], dtype=np.int64)
        inputs = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        (vectors,) = self._session.run(["sentence_embedding"], inputs)
        vector: NDArray[np.float32] = np.asarray(vectors, dtype=np.float32)[0]
        return vector


def adapted_folder(folder: Path) -> Path:
    """Where the encoder adapted from the one in `folder` stands, if there is one."""
    return folder.parent / f"{folder.name}-adapted"


def preferred(folder: Path) -> Path:
    """The folder of the encoder for articles and questions: the adapted one beside `folder` when it
    is sound and made from the same weights, else `folder`.
    """
    adapted = adapted_folder(folder)
    if not adapted.exists():
        return folder
    try:
        same = read_description(adapted).get("weights_sha256") == read_description(folder).get(
            "weights_sha256"
        )
    except EncoderDamaged as error:
        log.warning("adapted encoder not used", extra={"reason": str(error)})
        return folder
    if not same:
        log.warning("adapted encoder not used", extra={"reason": "made from other weights"})
    return adapted if same else folder


def sound_encoders(folder: Path) -> dict[str, Path]:
    """The folders among `folder` and the adapted one beside it whose files are sound, by the
    fingerprint of the encoder that `OnnxEncoder.load` makes of them.
    """
    found = {}
    for one in filter(Path.exists, (folder, adapted_folder(folder))):
        try:
            found[read_description(one)["files"][INT8]["sha256"]] = one
        except EncoderDamaged as error:
            log.warning("encoder not used", extra={"reason": str(error)})
    return found


def read_description(folder: Path) -> dict[str, Any]:
    """encoder.json, once the files it names proved to be those it describes."""
    return _read_whole(folder, ())[0]


def _read_whole(folder: Path, wanted: Sequence[str]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """`read_description`, and the bytes of some of the files, each read once."""
    contents: dict[str, bytes] = {}
    try:
        described = json.loads((folder / "encoder.json").read_text("utf-8"))
        if described["format"] != FORMAT:
            raise EncoderDamaged(folder, f"has format {described['format']}, not {FORMAT}")
        for name in FILES:
            if name in wanted:
                contents[name] = (folder / name).read_bytes()
                digest = hashlib.sha256(contents[name]).hexdigest()
            else:
                digest = sha256_of(folder / name)
            if digest != described["files"][name]["sha256"]:
                raise EncoderDamaged(folder, f"{name} is not the file that was exported")
        described["dim"], described["max_tokens"] = (
            int(described["dim"]),
            int(described["max_tokens"]),
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise EncoderDamaged(folder, f"cannot be read ({error})") from error
    return cast(dict[str, Any], described), contents
