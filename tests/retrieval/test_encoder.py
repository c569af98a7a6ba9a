"""The vectors that everything compares: trusted weights, faithful export, no padding trap."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from retrieval.encoder import EXACT, FILES, INT8, HashingEncoder, OnnxEncoder
from retrieval.errors import EncoderDamaged, EncoderRefused
from retrieval.export import (
    LARGEST_DIFFERENCE,
    LEAST_COSINE,
    SentenceEncoder,
    export,
    find_model,
    largest_difference,
    least_cosine,
)

TEXTS = [
    "My dishwasher does not drain",
    "leaking??",
    "E24",
    "Turn the power off and twist the round filter until it comes out. " * 3,
]


def copy(encoder_folder: Path, target: Path) -> Path:
    """A folder to damage, with the big files linked as long as they are not the ones to change."""
    target.mkdir()
    for name in (INT8, EXACT):
        (target / name).symlink_to(encoder_folder / name)
    for name in ("tokenizer.json", "encoder.json"):
        shutil.copy(encoder_folder / name, target / name)
    return target


@pytest.fixture(scope="module")
def exact(encoder_folder: Path) -> OnnxEncoder:
    return OnnxEncoder.load(encoder_folder, file=EXACT)


def test_the_export_equals_sentence_transformers(exact: OnnxEncoder, encoder: OnnxEncoder) -> None:
    reference = SentenceEncoder(find_model())

    assert largest_difference(exact, reference) < LARGEST_DIFFERENCE
    assert LEAST_COSINE < least_cosine(encoder, reference) < 1 - 1e-4  # one is not the other
    assert encoder.fingerprint != exact.fingerprint
    assert reference.max_tokens == 256
    assert reference.dim == encoder.dim == 384
    assert reference.encode([]).shape == (0, 384)


def test_stored_vectors(exact: OnnxEncoder) -> None:
    """The same numbers on every machine, as sentence-transformers computed them."""
    stored = json.loads(Path(__file__).with_name("vectors.json").read_text("utf-8"))

    actual = exact.encode([entry["text"] for entry in stored])
    for row, entry in zip(actual, stored, strict=True):
        assert row[:8] == pytest.approx(entry["first"], abs=1e-5)
        assert float(row @ np.linspace(-1, 1, 384)) == pytest.approx(entry["ramp"], abs=1e-4)


def test_vectors_have_length_one(encoder: OnnxEncoder) -> None:
    vectors = encoder.encode([*TEXTS, "", " ", "\x00", "🙂" * 500])

    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS) + 4, 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert encoder.encode([]).shape == (0, 384)


def test_neighbours_change_nothing(encoder: OnnxEncoder, encoder_folder: Path) -> None:
    """A remembered vector must be the one that the text would get today."""
    alone = np.vstack([encoder.encode([text]) for text in TEXTS])

    assert np.array_equal(encoder.encode(TEXTS), alone)
    assert np.array_equal(OnnxEncoder.load(encoder_folder, threads=2).encode(TEXTS), alone)


def test_a_tokenizer_that_pads_is_disarmed(
    encoder_folder: Path, encoder: OnnxEncoder, tmp_path: Path
) -> None:
    """The published tokenizer pads to 128 tokens, which moves every vector if it is believed."""
    folder = copy(encoder_folder, tmp_path / "encoder")
    published = Tokenizer.from_file(str(find_model() / "tokenizer.json"))
    assert len(published.encode("leaking??").ids) == 128
    published.save(str(folder / "tokenizer.json"))
    described = json.loads((folder / "encoder.json").read_text())

    content = (folder / "tokenizer.json").read_bytes()
    described["files"]["tokenizer.json"]["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / "encoder.json").write_text(json.dumps(described))

    padding = OnnxEncoder.load(folder)
    assert np.abs(padding.encode(TEXTS) - encoder.encode(TEXTS)).max() < 1e-5


def test_threads_may_share_an_encoder(encoder: OnnxEncoder) -> None:
    expected = encoder.encode(TEXTS)

    with ThreadPoolExecutor(4) as pool:
        for vectors in pool.map(lambda _: encoder.encode(TEXTS), range(16)):
            assert np.array_equal(vectors, expected)


@pytest.mark.parametrize("name", [*FILES, "encoder.json"])
def test_a_damaged_encoder_is_refused(encoder_folder: Path, tmp_path: Path, name: str) -> None:
    folder = copy(encoder_folder, tmp_path / "encoder")
    if name in (INT8, EXACT):
        (folder / name).unlink()
        (folder / name).write_bytes(b"not a network")
    else:
        (folder / name).write_bytes((folder / name).read_bytes()[:-40])

    with pytest.raises(EncoderDamaged) as refused:
        OnnxEncoder.load(folder)
    assert "export-encoder" in str(refused.value)
    (folder / name).unlink()
    with pytest.raises(EncoderDamaged):
        OnnxEncoder.load(folder)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    """The package comes from a stranger: only the published bytes are exported."""
    model = tmp_path / "model"
    model.mkdir()
    with pytest.raises(EncoderRefused, match=r"no model\.safetensors"):
        export(tmp_path / "encoder", model)
    (model / "model.safetensors").write_bytes(b"weights")
    with pytest.raises(EncoderRefused, match="expected 53aa51172d142c89"):
        export(tmp_path / "encoder", model)
    (model / "model.safetensors").unlink()
    (model / "model.safetensors").symlink_to(find_model() / "model.safetensors")
    (model / "tokenizer.json").write_text("{}")
    with pytest.raises(EncoderRefused, match=r"tokenizer\.json has SHA-256"):
        export(tmp_path / "encoder", model)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model"]


def test_exporting_again_does_nothing(encoder_folder: Path) -> None:
    before = (encoder_folder / "encoder.json").stat().st_mtime_ns

    assert export(encoder_folder) is False
    assert (encoder_folder / "encoder.json").stat().st_mtime_ns == before


def test_serving_never_imports_torch(encoder_folder: Path) -> None:
    """Torch would cost the action server 8 seconds and 400 MB."""
    code = (
        "import sys; from pathlib import Path; import retrieval.knowledge_base;"
        "from retrieval.encoder import OnnxEncoder;"
        f"OnnxEncoder.load(Path({str(encoder_folder)!r})).encode(['leaking']);"
        "print([m for m in ('torch', 'sentence_transformers', 'transformers', 'sklearn')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_the_hashing_encoder() -> None:
    encoder = HashingEncoder(64)
    vectors = encoder.encode(["the hose", "The HOSE!", "something else", ""])

    assert vectors.shape == (4, 64)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)
    assert vectors[0] @ vectors[1] == pytest.approx(1)
    assert vectors[0] @ vectors[2] < 0.9
    assert encoder.fingerprint != HashingEncoder(32).fingerprint
