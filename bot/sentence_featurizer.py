"""The shared sentence encoder as a Rasa component.

Reads `model.onnx` and `tokenizer.json` from one folder, which `python -m retrieval
export-encoder` writes; the knowledge base reads the same two files. Retrieval and intents
therefore see a sentence alike, and one network is held to one set of stored vectors in both
rooms' tests.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.constants import FEATURIZER_CLASS_ALIAS
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from tokenizers import Tokenizer

MAX_TOKENS = 128
_BATCH = 32  # sentences per call of the network in training
_FILES = ("model.onnx", "tokenizer.json")


class SentenceEncoder:
    """Sentences to vectors, on one thread."""

    def __init__(self, folder: Path) -> None:
        """Load the network.

        Raises:
            InvalidConfigException: The folder does not hold an exported encoder.
        """
        _require(folder)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        # A tokenizer file may pad everything to its limit: four times the cost, and worse
        # vectors wherever the padding is not masked.
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of the texts, shape (n, dim). Beyond 128 tokens a text is not read."""
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        width = max(map(len, tokens))
        ids = np.zeros((len(tokens), width), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, sentence in enumerate(tokens):
            ids[row, : len(sentence)] = sentence
            mask[row, : len(sentence)] = 1
        (vectors,) = self._session.run(
            ["sentence_embedding"],
            {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)},
        )
        return vectors.astype(np.float32, copy=False)


@functools.lru_cache(maxsize=1)
def _encoder(folder: Path) -> SentenceEncoder:
    return SentenceEncoder(folder)  # one network per process, whatever loads the component


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class SentenceFeaturizer(DenseFeaturizer, GraphComponent):
    """Adds one sentence vector, shape (1, dim), to each message's text."""

    @staticmethod
    def required_packages() -> list[str]:
        """Packages of the Rasa environment that this component needs."""
        return ["onnxruntime", "tokenizers"]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """`folder`: where the exported encoder is, relative to the working directory."""
        return {**DenseFeaturizer.get_default_config(), "folder": "var/encoder"}

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Refuse a folder without an encoder before training starts."""
        _require(Path(config["folder"]))

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str:
        """Hash of the encoder's files, so that another encoder trains everything anew."""
        folder = Path({**cls.get_default_config(), **config}["folder"])
        _require(folder)
        digest = hashlib.sha256()
        for name in _FILES:
            digest.update((folder / name).read_bytes())
        return digest.hexdigest()

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SentenceFeaturizer:
        """Make the component; Rasa's graph calls this in training and when a model is loaded."""
        return cls(execution_context.node_name, config)

    def __init__(self, name: str, config: dict[str, Any]) -> None:
        super().__init__(name, config)
        self._encoder = _encoder(Path(config["folder"]).resolve())

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Add vectors to all examples. The graph is wired by this very parameter name."""
        examples = [e for e in training_data.training_examples if e.get(TEXT)]
        examples.sort(key=lambda example: len(example.get(TEXT)))  # little padding in a batch
        for start in range(0, len(examples), _BATCH):
            self._featurize(examples[start : start + _BATCH])
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Add vectors to incoming messages."""
        self._featurize([message for message in messages if message.get(TEXT)])
        return messages

    def _featurize(self, messages: Sequence[Message]) -> None:
        if not messages:
            return
        vectors = self._encoder.encode([message.get(TEXT) for message in messages])
        alias = self._config[FEATURIZER_CLASS_ALIAS] or self._identifier
        for message, vector in zip(messages, vectors, strict=True):
            message.add_features(Features(vector[np.newaxis], FEATURE_TYPE_SENTENCE, TEXT, alias))


def _require(folder: Path) -> None:
    missing = [name for name in _FILES if not (folder / name).is_file()]
    if missing:
        raise InvalidConfigException(
            f"No sentence encoder in {folder} ({', '.join(missing)} missing). "
            "Write it with: python -m retrieval export-encoder"
        )
