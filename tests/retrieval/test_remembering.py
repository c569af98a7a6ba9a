"""Vectors kept from one build to the next: never another text's, never another encoder's."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from retrieval.encoder import HashingEncoder
from retrieval.remembering import RememberingEncoder


class Counting(HashingEncoder):
    """Knows what it was asked."""

    asked: list[str] = []  # noqa: RUF012  emptied by `fresh`

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked.extend(texts)
        return super().encode(texts)


@pytest.fixture
def encoder() -> Counting:
    Counting.asked.clear()
    return Counting(8)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "vectors.npz"


def test_a_text_is_encoded_once(encoder: Counting, file: Path) -> None:
    first = RememberingEncoder(encoder, file)
    vectors = first.encode(["salt", "tub", "salt"])
    first.encode(["tub"])
    assert (encoder.asked, first.encoded) == (["salt", "tub"], 2)
    first.save()

    second = RememberingEncoder(encoder, file)
    assert np.array_equal(second.encode(["salt", "tub", "salt"]), vectors)
    assert second.encoded == 0
    second.encode(["hose", "salt"])
    assert (encoder.asked, second.encoded) == (["salt", "tub", "hose"], 1)
    assert (second.dim, second.fingerprint, second.words) == (8, "hashing-8", frozenset())


def test_nothing_to_encode(encoder: Counting, file: Path) -> None:
    remembering = RememberingEncoder(encoder, file)

    assert remembering.encode([]).shape == (0, 8)
    remembering.save()
    assert RememberingEncoder(encoder, file).encode(["salt"]).shape == (1, 8)


def test_another_encoders_vectors_are_not_taken(encoder: Counting, file: Path) -> None:
    """They compare without an error and mean nothing."""
    remembering = RememberingEncoder(HashingEncoder(16), file)
    remembering.encode(["salt"])
    remembering.save()
    other = RememberingEncoder(encoder, file)

    assert np.array_equal(other.encode(["salt"]), HashingEncoder(8).encode(["salt"]))
    assert other.encoded == 1


def test_what_was_not_used_is_forgotten(encoder: Counting, file: Path) -> None:
    """Else the file would grow with every edit, and keep what an article no longer says."""
    first = RememberingEncoder(encoder, file)
    first.encode(["salt", "tub"])
    first.save()
    second = RememberingEncoder(encoder, file)
    second.encode(["tub", "hose"])
    second.save()
    third = RememberingEncoder(encoder, file)
    third.encode(["tub", "hose"])
    assert third.encoded == 0
    third.encode(["salt"])
    assert third.encoded == 1


def test_forgetting(encoder: Counting, file: Path) -> None:
    first = RememberingEncoder(encoder, file)
    first.encode(["salt"])
    first.save()
    second = RememberingEncoder(encoder, file)
    second.forget()
    second.encode(["salt"])

    assert second.encoded == 1


def test_zero_bytes_in_keys(encoder: Counting, file: Path) -> None:
    """Numpy cuts zero bytes off the end of texts, and one key in 256 ends with one."""

    def key(text: str) -> bytes:
        return hashlib.blake2b(text.encode(), digest_size=16).digest()

    texts = [text for text in map(str, range(5000)) if 0 in (key(text)[-1], key(text)[0])]
    assert any(key(text)[-1] == 0 for text in texts)
    first = RememberingEncoder(encoder, file)
    vectors = first.encode(texts)
    first.save()
    second = RememberingEncoder(encoder, file)

    assert np.array_equal(second.encode(texts), vectors)
    assert second.encoded == 0


def test_the_texts_themselves_are_not_kept(encoder: Counting, file: Path) -> None:
    remembering = RememberingEncoder(encoder, file)
    remembering.encode(["a secret voucher"])
    remembering.save()

    assert b"voucher" not in file.read_bytes()


def test_damage_anywhere_is_survived(
    encoder: Counting, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever bit is wrong, a build goes on with right vectors."""
    caplog.set_level(logging.CRITICAL + 1, logger="retrieval.remembering")
    texts = ["salt in the tub", "hose", "E24"]
    expected = HashingEncoder(8).encode(texts)
    first = RememberingEncoder(encoder, file)
    first.encode(texts)
    first.save()
    sound = file.read_bytes()
    damaged = [sound[:length] for length in range(0, len(sound), 7)]
    for place in range(len(sound)):
        content = bytearray(sound)
        content[place] ^= 1 << place % 8
        damaged.append(bytes(content))
    # Where the archive's table says how a part is packed, any bit may send it astray.
    for table in (place for place in range(len(sound)) if sound[place:].startswith(b"PK\x01\x02")):
        for place in range(table + 4, table + 12):
            for bit in range(8):
                content = bytearray(sound)
                content[place] ^= 1 << bit
                damaged.append(bytes(content))
    for content in damaged:
        file.write_bytes(content)
        assert np.array_equal(RememberingEncoder(encoder, file).encode(texts), expected)


@pytest.mark.parametrize("content", [b"", b"PK", b"\x80\x04K\x01.", b"text"])
def test_what_is_no_archive_is_told_of(
    encoder: Counting, file: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    file.write_bytes(content)
    remembering = RememberingEncoder(encoder, file)
    remembering.encode(["salt"])

    assert remembering.encoded == 1
    assert "remembered vectors cannot be read" in caplog.messages
    remembering.save()
    assert RememberingEncoder(encoder, file).encode(["salt"]).shape == (1, 8)


def test_a_single_array_is_no_archive(encoder: Counting, file: Path) -> None:
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    file.write_bytes(hashlib.sha256(stream.getvalue()).digest() + stream.getvalue())

    assert RememberingEncoder(encoder, file).encode(["salt"]).shape == (1, 8)


def test_arrays_that_do_not_fit_are_not_taken(encoder: Counting, file: Path) -> None:
    stream = io.BytesIO()
    np.savez(
        stream,
        fingerprint=np.array("hashing-8"),
        keys=np.zeros((2, 16), dtype=np.uint8),
        vectors=np.zeros((3, 8), dtype=np.float32),
    )
    file.write_bytes(hashlib.sha256(stream.getvalue()).digest() + stream.getvalue())

    assert RememberingEncoder(encoder, file).encode(["salt"]).any()
