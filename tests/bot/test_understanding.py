"""Featurizer and classifier: what they compute, keep and refuse."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest
from rasa.core.agent import Agent
from rasa.shared.exceptions import InvalidConfigException
from tokenizers import Tokenizer

from bot.intent_classifier import LinearIntentClassifier, fit, fit_temperature, softmax
from bot.sentence_featurizer import SentenceEncoder, SentenceFeaturizer
from tests.bot.neighbours import ROOT

ENCODER = ROOT / "var" / "encoder"
TEXTS = [
    "It leaks.",
    "The dishwasher does not drain and shows error E24",
    "ja",
    "word " * 300,
    "…",
    "👩‍🔧",
]


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return SentenceEncoder(ENCODER)


def test_a_batch_equals_its_sentences_one_by_one(encoder: SentenceEncoder) -> None:
    """Padding that is not masked shifts the vectors, and with them every intent."""
    single = np.vstack([encoder.encode([text]) for text in TEXTS])

    np.testing.assert_allclose(encoder.encode(TEXTS), single, atol=2e-6)
    np.testing.assert_allclose(np.linalg.norm(single, axis=1), 1.0, atol=1e-5)
    assert single.shape == (len(TEXTS), 384)
    assert single.dtype == np.float32


def test_padding_in_the_tokenizer_file_is_not_believed(
    encoder: SentenceEncoder, tmp_path: Path
) -> None:
    """The published tokenizer.json pads everything to 128 tokens."""
    padded = Tokenizer.from_file(str(ENCODER / "tokenizer.json"))
    padded.enable_padding(length=128)
    padded.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "model.onnx").symlink_to(ENCODER / "model.onnx")

    np.testing.assert_allclose(
        SentenceEncoder(tmp_path).encode(TEXTS[:1]), encoder.encode(TEXTS[:1]), atol=2e-6
    )


def test_like_sentences_are_near(encoder: SentenceEncoder) -> None:
    """The network is the one that was meant, not merely one that runs."""
    drain, water, weather = encoder.encode(
        [
            "The dishwasher does not drain",
            "There is water left in my dishwasher",
            "What a lovely evening in the mountains",
        ]
    )

    assert drain @ water > 0.5 > 0.3 > drain @ weather


def test_another_encoder_has_another_fingerprint(tmp_path: Path) -> None:
    """Else Rasa would take intents trained on the old vectors from its cache."""
    prints = []
    for weights in (b"one", b"two"):
        (tmp_path / "model.onnx").write_bytes(weights)
        (tmp_path / "tokenizer.json").write_bytes(b"{}")
        prints.append(SentenceFeaturizer.fingerprint_addon({"folder": str(tmp_path)}))

    assert prints[0] != prints[1]


def test_a_missing_encoder_is_refused_with_its_cure(tmp_path: Path) -> None:
    """The most likely mistake of a first installation."""
    with pytest.raises(InvalidConfigException, match="export-encoder"):
        SentenceFeaturizer.validate_config({"folder": str(tmp_path)})


def test_the_temperature_makes_confidence_mean_accuracy() -> None:
    """Logits ten times too sure are put right, and the order of intents is kept."""
    draw = np.random.default_rng(1)
    logits = draw.normal(size=(4000, 5)) * 2
    targets = np.array([draw.choice(5, p=row) for row in softmax(logits)])

    temperature = fit_temperature(logits * 10, targets)

    assert temperature == pytest.approx(10, rel=0.1)
    chances = softmax(logits * 10 / temperature)
    right = chances.argmax(axis=1) == targets
    assert right.mean() == pytest.approx(chances.max(axis=1).mean(), abs=0.02)


def test_a_few_sentences_do_not_make_it_certain() -> None:
    """Twelve of twelve right is no proof of perfection."""
    logits = np.eye(3)[np.arange(12) % 3]
    chances = softmax(logits / fit_temperature(logits, np.arange(12) % 3))

    assert chances.max() == pytest.approx(13 / 14, abs=0.01)


def test_two_intents_are_classified_as_three_would_be() -> None:
    """scikit-learn keeps only one side of a binary model."""
    vectors = np.array([[1.0, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]])
    targets = np.array([0, 0, 1, 1])
    weights, bias = fit(vectors, targets, 30.0, None)

    assert weights.shape == (2, 2)
    assert bias.shape == (2,)
    assert (softmax(vectors @ weights.T + bias).argmax(axis=1) == targets).all()


@pytest.mark.parametrize(
    "setting", [{"C": 0}, {"folds": 1}, {"ranking_length": 0}, {"class_weight": "heavy"}]
)
def test_settings_that_cannot_be_trained_with_are_refused(setting: dict[str, object]) -> None:
    """Before minutes of training, not after."""
    with pytest.raises(InvalidConfigException):
        LinearIntentClassifier.validate_config(
            {**LinearIntentClassifier.get_default_config(), **setting}
        )


@pytest.fixture(scope="module")
def agent(model: Path) -> Agent:
    return Agent.load(str(model))


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("hello there", "greet"),
        ("please connect me with a human being", "request_human"),
        ("my washer is leaking water", "report_fault"),
        ("GIVE ME MY MONEY BACK", "ask_refund_status"),
    ],
)
async def test_sentences_never_seen_are_understood(agent: Agent, text: str, intent: str) -> None:
    """Through the project's whole pipeline, as trained."""
    parsed = await agent.parse_message(text)

    ranking = parsed["intent_ranking"]
    assert parsed["intent"]["name"] == intent
    assert len(ranking) == 10
    assert [r["confidence"] for r in ranking] == sorted(
        (r["confidence"] for r in ranking), reverse=True
    )


@pytest.mark.asyncio
async def test_what_it_does_not_know_is_not_understood(agent: Agent) -> None:
    """A confident guess sends a customer into the wrong flow."""
    parsed = await agent.parse_message("seven purple elephants recite a sonnet")

    assert parsed["intent"]["name"] == "nlu_fallback"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a-10999", ["a-10999"]),
        ("it is A-10482, or A-20001", ["A-10482", "A-20001"]),
        ("XA-104821 xa-10999", []),
        ("a repairman", []),
        ("REPLACEMENT now", ["REPLACEMENT"]),
    ],
)
async def test_facts_are_found_by_pattern_and_as_whole_words(
    agent: Agent, text: str, found: list[str]
) -> None:
    """Tables obey word boundaries; a pattern must bring its own, as data/nlu does."""
    parsed = await agent.parse_message(text)

    assert [entity["value"] for entity in parsed["entities"]] == found


def test_a_model_holds_no_pickle_of_ours(model: Path) -> None:
    """Loading a model must not run code: the classifier is arrays."""
    with tarfile.open(model) as files:
        (name,) = [n for n in files.getnames() if n.endswith("intents.npz")]
        member = files.extractfile(name)
        assert member is not None
        arrays = np.load(member, allow_pickle=False)
        assert {key: arrays[key].dtype.kind for key in arrays.files} == {
            "labels": "U",
            "weights": "f",
            "bias": "f",
        }
