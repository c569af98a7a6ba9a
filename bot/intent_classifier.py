"""Intents from sentence vectors by one linear layer whose confidence means something.

Multinomial logistic regression, trained with scikit-learn and kept as plain arrays: no pickle is
read, and predicting is one product of a matrix and a vector. The softmax is sharpened or
softened by one temperature, fitted on predictions for sentences that were held out (5-fold), so
that of all sentences understood with confidence 0.8 about four in five are understood rightly.

Source: Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.nlu.featurizers.featurizer import Featurizer
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import INTENT, INTENT_RANKING_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

log = logging.getLogger(__name__)

_FILE = "intents.npz"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class LinearIntentClassifier(IntentClassifier, GraphComponent):
    """Sets `intent` and `intent_ranking` of each message."""

    @classmethod
    def required_components(cls) -> list[type]:
        """What must come before this component in the pipeline."""
        return [Featurizer]

    @staticmethod
    def required_packages() -> list[str]:
        """Packages that training needs."""
        return ["sklearn", "scipy"]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Settings.

        C: inverse strength of the L2 penalty; 30 suits unit vectors.
        class_weight: null, or `balanced` to count each intent alike however many examples it has.
        folds: parts held out in turn to fit the temperature.
        ranking_length: how many intents `intent_ranking` has at most.
        """
        return {"C": 30.0, "class_weight": None, "folds": 5, "ranking_length": 10}

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Refuse settings that cannot be trained with."""
        if config["C"] <= 0 or config["folds"] < 2 or config["ranking_length"] < 1:
            raise InvalidConfigException("C > 0, folds >= 2 and ranking_length >= 1 are needed.")
        if config["class_weight"] not in (None, "balanced"):
            raise InvalidConfigException("class_weight is null or balanced.")

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> LinearIntentClassifier:
        """Make an untrained component."""
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> LinearIntentClassifier:
        """Read the arrays that training wrote."""
        component = cls(config, model_storage, resource)
        with (
            model_storage.read_from(resource) as folder,
            np.load(folder / _FILE, allow_pickle=False) as arrays,
        ):
            component._labels = [str(label) for label in arrays["labels"]]
            component._weights = arrays["weights"]
            component._bias = arrays["bias"]
        return component

    def __init__(
        self, config: dict[str, Any], model_storage: ModelStorage, resource: Resource
    ) -> None:
        self.validate_config(config)
        self._config = config
        self._model_storage = model_storage
        self._resource = resource
        self._labels: list[str] = []
        self._weights = np.zeros((0, 0), dtype=np.float32)  # (intents, dim), over temperature
        self._bias = np.zeros(0, dtype=np.float32)  # (intents,), over temperature

    def train(self, training_data: TrainingData) -> Resource:
        """Fit weights and temperature and store them.

        Raises:
            InvalidConfigException: Fewer than two intents have examples with text.
        """
        examples = [e for e in training_data.intent_examples if e.get(TEXT)]
        labels = [e.get(INTENT) for e in examples]
        if len(set(labels)) < 2:
            raise InvalidConfigException("Examples of at least two intents are needed.")
        names, targets = np.unique(labels, return_inverse=True)
        vectors = sentence_vectors(examples)
        weights, bias = fit(vectors, targets, self._config["C"], self._config["class_weight"])
        temperature = fit_temperature(
            held_out_logits(
                vectors,
                targets,
                self._config["C"],
                self._config["class_weight"],
                self._config["folds"],
            ),
            targets,
        )
        log.info(
            "intents trained examples=%d intents=%d temperature=%.3f",
            len(examples),
            len(names),
            temperature,
        )
        self._labels = [str(name) for name in names]
        self._weights = (weights / temperature).astype(np.float32)
        self._bias = (bias / temperature).astype(np.float32)
        with self._model_storage.write_to(self._resource) as folder:
            np.savez(
                folder / _FILE,
                labels=np.array(self._labels),
                weights=self._weights,
                bias=self._bias,
            )
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Set the intent of incoming messages."""
        for message, chances in zip(messages, self._probabilities(messages), strict=True):
            best = np.argsort(-chances, kind="stable")[: self._config["ranking_length"]]
            ranking = [{"name": self._labels[i], "confidence": float(chances[i])} for i in best]
            message.set(INTENT, dict(ranking[0]), add_to_output=True)
            message.set(INTENT_RANKING_KEY, ranking, add_to_output=True)
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Set the intents of training examples, for components that learn from them."""
        self.process(training_data.training_examples)
        return training_data

    def _probabilities(self, messages: Sequence[Message]) -> NDArray[np.float32]:
        return softmax(sentence_vectors(messages) @ self._weights.T + self._bias)


def sentence_vectors(messages: Sequence[Message]) -> NDArray[np.float32]:
    """The messages' dense sentence features, shape (n, dim).

    Raises:
        InvalidConfigException: No featurizer before this one made a sentence vector.
    """
    rows = []
    for message in messages:
        _, sentence = message.get_dense_features(TEXT)
        if sentence is None:
            raise InvalidConfigException("No sentence vector: put SentenceFeaturizer first.")
        rows.append(sentence.features[-1])
    return np.asarray(rows)


def softmax(logits: NDArray[Any]) -> NDArray[Any]:
    """Rows of `logits`, shape (n, intents), as probabilities that sum to one."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def fit(
    vectors: NDArray[Any], targets: NDArray[np.intp], c: float, class_weight: str | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Multinomial logistic regression: weights (intents, dim) and bias (intents,)."""
    from sklearn.linear_model import LogisticRegression  # needed in training only

    model = LogisticRegression(
        C=c, class_weight=class_weight, multi_class="multinomial", max_iter=2000
    ).fit(vectors, targets)
    weights, bias = model.coef_, model.intercept_
    if len(weights) == 1:  # of two intents scikit-learn keeps one side
        return np.vstack([-weights, weights]), np.concatenate([-bias, bias])
    return weights, bias


def held_out_logits(
    vectors: NDArray[Any],
    targets: NDArray[np.intp],
    c: float,
    class_weight: str | None,
    folds: int,
) -> NDArray[np.float64]:
    """Logits for each sentence by a model that was trained without it, shape (n, intents).

    Intents with fewer than two examples cannot be held out. Where there is one, the logits are
    those of the sentences trained on.
    """
    from sklearn.model_selection import StratifiedKFold

    folds = min(folds, min(Counter(targets.tolist()).values()))
    if folds < 2:
        weights, bias = fit(vectors, targets, c, class_weight)
        return vectors @ weights.T + bias
    logits = np.zeros((len(targets), int(targets.max()) + 1))
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=0).split(vectors, targets):
        weights, bias = fit(vectors[train], targets[train], c, class_weight)
        logits[test] = vectors[test] @ weights.T + bias
    return logits


def fit_temperature(logits: NDArray[Any], targets: NDArray[np.intp]) -> float:
    """The divisor of the logits, 0.05 to 20, under which the targets are likeliest.

    Each target counts as right with probability (n + 1) / (n + 2), the rule of succession, and
    the rest is spread over the other intents: a few sentences that happen to be all understood
    do not make the model certain of everything.

    Args:
        logits: Of sentences that were held out, shape (n, intents).
        targets: Their intents, shape (n,).
    """
    from scipy.optimize import minimize_scalar

    count, intents = logits.shape
    wanted = np.full(logits.shape, 1.0 / (count + 2) / (intents - 1))
    wanted[np.arange(count), targets] = (count + 1) / (count + 2)

    def loss(log_temperature: float) -> float:
        chances = softmax(logits / np.exp(log_temperature))
        return float(-(wanted * np.log(np.maximum(chances, 1e-12))).sum(axis=1).mean())

    best = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20.0)), method="bounded")
    return float(np.exp(best.x))
