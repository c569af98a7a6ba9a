"""Real FAISS, held against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from retrieval.vectors import COPIED_UP_TO, Vectors, lists_for

Matrix = NDArray[np.float32]
DIM = 64


def unit(matrix: NDArray[np.floating]) -> Matrix:
    length = np.linalg.norm(matrix, axis=1, keepdims=True)
    return np.ascontiguousarray(matrix / length, dtype=np.float32)


def clustered(total: int, dim: int = DIM, seed: int = 1) -> Matrix:
    """Members scattered around one centre for every twenty of them."""
    chance = np.random.default_rng(seed)
    centres = chance.standard_normal((max(1, total // 20), dim))
    own = chance.integers(len(centres), size=total)
    return unit(centres[own] + 0.5 * chance.standard_normal((total, dim)))


def questions_near(matrix: Matrix, count: int, seed: int = 2) -> Matrix:
    chance = np.random.default_rng(seed)
    members = matrix[chance.integers(len(matrix), size=count)]
    return unit(members + 0.1 * chance.standard_normal(members.shape))


def recall(vectors: Vectors, matrix: Matrix, questions: Matrix, rows: NDArray[np.intp]) -> float:
    """Of the ten most similar rows by numpy, the share that is found, among `rows`."""
    selection = vectors.selection(rows)
    found = 0
    for question in questions:
        best = rows[np.argsort(-(matrix[rows] @ question))[:10]]
        found += len(set(best) & set(vectors.nearest(question, 10, selection)[0]))
    return found / (10 * len(questions))


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return clustered(20_000)


@pytest.fixture(scope="module")
def inverted(matrix: Matrix) -> Vectors:
    return Vectors.build(matrix, flat_up_to=1_000)


@pytest.fixture(scope="module")
def large() -> tuple[Matrix, Vectors]:
    """More than are ever copied out for a selection."""
    matrix = clustered(2 * COPIED_UP_TO + 10_000)
    return matrix, Vectors.build(matrix, flat_up_to=1_000)


def test_flat_is_exact(matrix: Matrix) -> None:
    few = matrix[:2_000]
    vectors = Vectors.build(few)
    assert vectors.kind == "flat"
    for question in questions_near(few, 20):
        expected = few @ question
        rows, cosines = vectors.nearest(question, 10)
        assert list(rows) == list(np.argsort(-expected)[:10])
        assert cosines == pytest.approx(expected[rows], abs=1e-6)
        everything = np.arange(len(few))
        assert vectors.cosines(question, everything) == pytest.approx(expected, abs=1e-6)
        some = np.array([7, 3, 1_999, 3])
        assert vectors.cosines(question, some) == pytest.approx(expected[some], abs=1e-6)


def test_the_border_is_the_callers(matrix: Matrix) -> None:
    assert Vectors.build(matrix[:500], flat_up_to=500).kind == "flat"
    assert Vectors.build(matrix[:500], flat_up_to=499).kind == "ivf"


def test_inverted_file_finds_nearly_all(matrix: Matrix, inverted: Vectors) -> None:
    assert inverted.kind == "ivf"
    everything = np.arange(len(matrix))
    questions = questions_near(matrix, 200)
    found = [set(inverted.nearest(question, 10)[0]) for question in questions]
    best = [set(np.argsort(-(matrix @ question))[:10]) for question in questions]
    assert np.mean([len(a & b) / 10 for a, b in zip(found, best, strict=True)]) > 0.95
    assert recall(inverted, matrix, questions[:20], everything) > 0.95


def test_inverted_file_agrees_with_itself(matrix: Matrix, inverted: Vectors) -> None:
    """Callers mix the cosines of `nearest` with those of `cosines`."""
    question = questions_near(matrix, 1)[0]
    rows, cosines = inverted.nearest(question, 50)

    assert (np.diff(cosines) <= 0).all()
    assert cosines == pytest.approx(inverted.cosines(question, rows), abs=1e-5)
    assert cosines == pytest.approx(matrix[rows] @ question, abs=0.02)


@pytest.mark.parametrize("share", [0.001, 0.1, 0.9])
def test_only_allowed_rows_are_found(matrix: Matrix, inverted: Vectors, share: float) -> None:
    rows = np.flatnonzero(np.random.default_rng(4).random(len(matrix)) < share)
    for vectors in (Vectors.build(matrix), inverted):
        for question in questions_near(matrix, 5):
            found, _ = vectors.nearest(question, 10, rows)
            assert len(found) == min(10, len(rows))
            assert set(found) <= set(rows)
        assert recall(vectors, matrix, questions_near(matrix, 30), rows) > 0.95


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_many_allowed_rows_are_probed(large: tuple[Matrix, Vectors], share: float) -> None:
    matrix, vectors = large
    rows = np.flatnonzero(np.random.default_rng(4).random(len(matrix)) < share)
    assert len(rows) > COPIED_UP_TO

    assert vectors.selection(rows).copied is None
    assert recall(vectors, matrix, questions_near(matrix, 50), rows) > 0.95


def test_allowed_rows_far_from_the_question_are_found(
    large: tuple[Matrix, Vectors], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lists that are read first hold none of them."""
    matrix, vectors = large
    monkeypatch.setattr("retrieval.vectors.READ", 0)
    question = matrix[0]
    rows = np.sort(np.argsort(matrix @ question)[: COPIED_UP_TO + 1_000])

    found, cosines = vectors.nearest(question, 10, vectors.selection(rows))

    assert len(found) == 10
    assert set(found) <= set(rows)
    assert cosines[0] == pytest.approx((matrix[rows] @ question).max(), abs=0.05)


def test_nothing_allowed(matrix: Matrix, inverted: Vectors) -> None:
    for vectors in (Vectors.build(matrix[:100]), inverted):
        rows, cosines = vectors.nearest(matrix[0], 10, np.array([], dtype=np.intp))
        assert rows.shape == cosines.shape == (0,)
        assert vectors.cosines(matrix[0], np.array([], dtype=np.intp)).shape == (0,)


def test_no_vectors_at_all() -> None:
    vectors = Vectors.build(np.empty((0, DIM), dtype=np.float32))

    assert len(vectors) == 0
    assert vectors.nearest(clustered(1)[0], 5)[0].shape == (0,)
    assert vectors.cosines(clustered(1)[0], np.array([], dtype=np.intp)).shape == (0,)


def test_more_wanted_than_there_are(matrix: Matrix) -> None:
    """Lists that are not read hold the rest."""
    few = matrix[:3_000]
    for flat_up_to in (10_000, 100):
        vectors = Vectors.build(few, flat_up_to=flat_up_to)
        rows, _ = vectors.nearest(few[5], 5_000)
        assert sorted(rows) == list(range(3_000))
        allowed = np.array([9, 4, 9, 2_000])
        assert sorted(vectors.nearest(few[5], 10, allowed)[0]) == [4, 9, 2_000]
        assert not len(vectors.nearest(few[5], 0)[0])


def test_equal_vectors_come_in_the_order_of_their_rows(matrix: Matrix) -> None:
    repeated = np.repeat(matrix[:400], 5, axis=0)
    for flat_up_to in (10_000, 100):
        vectors = Vectors.build(repeated, flat_up_to=flat_up_to)
        rows, cosines = vectors.nearest(matrix[30], 5)
        assert list(rows) == [150, 151, 152, 153, 154]
        assert len(set(cosines)) == 1


def test_the_seed_decides(matrix: Matrix, inverted: Vectors) -> None:
    again = Vectors.build(matrix, flat_up_to=1_000)
    other = Vectors.build(matrix, flat_up_to=1_000, seed=1)

    assert again.serialize() == inverted.serialize()
    assert other.serialize() != inverted.serialize()


def test_serialised_and_read_again(matrix: Matrix, inverted: Vectors) -> None:
    rows = np.arange(0, 2_000, 3)
    for vectors in (Vectors.build(matrix[:2_000]), inverted):
        again = Vectors.deserialize(vectors.serialize())

        assert (again.kind, len(again), again.dim) == (vectors.kind, len(vectors), DIM)
        for question in questions_near(matrix[:2_000], 5):
            for allowed in (None, rows):
                for one, two in zip(
                    again.nearest(question, 10, allowed),
                    vectors.nearest(question, 10, allowed),
                    strict=True,
                ):
                    assert np.array_equal(one, two)
            assert np.array_equal(again.cosines(question, rows), vectors.cosines(question, rows))


def test_what_is_not_ours_is_refused() -> None:
    import faiss

    with pytest.raises(ValueError, match="not an index"):
        Vectors.deserialize(b"something else altogether")
    with pytest.raises(ValueError, match="not one of ours"):
        Vectors.deserialize(faiss.serialize_index(faiss.IndexFlatL2(4)).tobytes())


@pytest.mark.parametrize("row", [-1, 2_000])
def test_rows_that_there_are_not(matrix: Matrix, row: int) -> None:
    """FAISS would read whatever lies there."""
    for flat_up_to in (10_000, 100):
        vectors = Vectors.build(matrix[:2_000], flat_up_to=flat_up_to)
        rows = np.array([3, row])
        for refused in (
            lambda v=vectors, r=rows: v.selection(r),
            lambda v=vectors, r=rows: v.nearest(matrix[0], 3, r),
            lambda v=vectors, r=rows: v.cosines(matrix[0], r),
        ):
            with pytest.raises(ValueError, match="between 0 and 1999"):
                refused()


def test_a_selection_belongs_to_its_vectors(matrix: Matrix) -> None:
    """After a new release the same row is another passage."""
    old, new = Vectors.build(matrix[:100]), Vectors.build(matrix[:100])

    with pytest.raises(ValueError, match="prepare it anew"):
        new.nearest(matrix[0], 3, old.selection(np.array([1, 2])))


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none(matrix: Matrix, number: float) -> None:
    broken = matrix[:50].copy()
    broken[20, 3] = number

    with pytest.raises(ValueError, match="not finite"):
        Vectors.build(broken)


def test_an_inverted_file_is_a_third_as_large() -> None:
    many = clustered(20_000, dim=384)
    flat, inverted = Vectors.build(many), Vectors.build(many, flat_up_to=1_000)

    assert len(inverted.serialize()) < 0.36 * len(flat.serialize())


@pytest.mark.parametrize("dim", [3, 5, 64, 384])
def test_any_number_of_dimensions(dim: int) -> None:
    matrix = clustered(1_000, dim)
    vectors = Vectors.build(matrix, flat_up_to=100)

    assert (vectors.kind, vectors.dim) == ("ivf", dim)
    found = [vectors.nearest(vector, 1)[1][0] for vector in matrix[:50]]
    assert found == pytest.approx(np.ones(50), abs=0.02)


def test_too_few_to_learn_from_are_compared_one_by_one(matrix: Matrix) -> None:
    assert Vectors.build(matrix[:15], flat_up_to=0).kind == "flat"
    assert Vectors.build(matrix[:16], flat_up_to=0).kind == "ivf"


def test_some_lists_are_enough(
    large: tuple[Matrix, Vectors], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tenth of them, as of a large collection."""
    matrix, vectors = large
    monkeypatch.setattr("retrieval.vectors.READ", 0)

    assert recall(vectors, matrix, questions_near(matrix, 50), np.arange(len(matrix))) > 0.95


def test_progress_is_told(matrix: Matrix) -> None:
    lines: list[str] = []
    Vectors.build(matrix[:3_000], flat_up_to=100, progress=lines.append)

    assert lines == [
        "76 lists are made from 3000 of 3000 vectors",
        "3000 of 3000 vectors added",
    ]


@pytest.mark.parametrize(("total", "lists"), [(1, 1), (20_000, 512), (10**6, 4_096)])
def test_lists(total: int, lists: int) -> None:
    assert lists_for(total) == lists
