"""Unit vectors searched by cosine: exactly while they are few, by neighbourhood above.

A flat FAISS index compares the question with every vector. It is exact, and takes as long as
reading all vectors once. Above `FLAT_UP_TO` an inverted file (IVF) takes its place: vectors lie in
lists around centroids, and only the lists nearest to the question are read.

**Twice each vector is kept, roughly and well.** The lists hold four bits for every three numbers
(product quantisation of what is left after the centroid), which FAISS compares by table in vector
registers, 32 vectors at a time. The best `REFINED` of them are compared again by one byte per
number, each dimension in 255 steps from its least to its largest. Together that is .3 of the
memory of the vectors themselves.

Nothing here changes FAISS's number of threads, which belongs to the process: `nearest` and
`cosines` never use more than one, and a build uses all that OpenMP allows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import faiss
import numpy as np
from numpy.typing import NDArray

FLAT_UP_TO = 50_000
"""Up to here every vector is compared.

`make bench-index` on two cores of an AMD server, one thread: 0.7 ms at 10,000 vectors, 4.9 at
50,000, 10.9 at 100,000, 103 at a million; the question is encoded in 5 to 8 ms. Above, comparing
would take longer than encoding; below, an inverted file would save a few milliseconds and lose one
in a hundred of the ten nearest.
"""

READ = 40_000
"""Vectors of an inverted file that one question is compared with at least, roughly.

Above ten times as many, a tenth of the lists is read. Of the ten nearest to 500 questions at a
million made-up vectors (`benchmarks/index.py`), 256 of 4,096 lists held .967, 320 .972 and 400
.976, in 1.5, 1.6 and 1.8 ms on one thread. At 50,000 and 100,000, `nearest` finds .99 in 1.1 ms.
"""

REFINED = 400
"""Roughly nearest vectors that are compared again, or twice as many as are wanted.

Of the same questions, with 400 lists read, 100 held .958 of the ten nearest, 200 .971, 400 .976.
"""

COPIED_UP_TO = 20_000
"""Allowed rows that a `Selection` copies out of an inverted file, to compare them one by one.

Few rows lie scattered over all lists, so that nearly every list would be read for them. At 20,000
rows a copy takes 31 MB at 384 dimensions, and a tenth of a second to make.
"""

_SAMPLE_PER_LIST = 100
_ROUNDS = 10  # of k-means
_ROUGH_BITS = 4  # per group of numbers; the tables of FAISS's fast scan have 16 places
_ROUGH_BLOCK = 32  # vectors compared at a time
_ADDED_AT_ONCE = 100_000
_INVERTED = [faiss.IndexRefine, faiss.IndexIVFPQFastScan, faiss.IndexScalarQuantizer]


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """Rows that may be found, prepared once by `Vectors.selection` for any number of questions."""

    rows: NDArray[np.intp]  # distinct, ascending
    among: Vectors  # the ones it was prepared for
    allowed: Any  # an IDSelector of FAISS; None where `copied` is searched instead
    copied: faiss.IndexFlatIP | None  # just these rows, by their bytes


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Vectors by row, in the order they were given. Reading from several threads is safe."""

    index: Any  # faiss.IndexFlatIP or faiss.IndexRefine; FAISS's types are incomplete

    @classmethod
    def build(
        cls,
        matrix: NDArray[np.float32],
        flat_up_to: int = FLAT_UP_TO,
        seed: int = 0,
        progress: Callable[[str], None] = lambda line: None,
    ) -> Vectors:
        """Make vectors searchable. The same ones with the same seed give the same index.

        Args:
            matrix: Shape (n, dim), each row of length 1.
            flat_up_to: The most vectors that are compared one by one. Fewer than 16 always are:
                nothing can be learnt from them.
            seed: Of the sample and of k-means. A flat index has no use for it.
            progress: Told in one line what is being done. Silent for a flat index.

        Raises:
            ValueError: Not a matrix, or numbers in it that are not finite.
        """
        matrix = np.ascontiguousarray(matrix, dtype=np.float32)
        if matrix.ndim != 2 or not matrix.shape[1]:
            raise ValueError(f"a matrix of vectors is needed, not shape {matrix.shape}")
        largest = max(float(matrix.max(initial=0)), -float(matrix.min(initial=0)))
        if not math.isfinite(largest):  # NaN, too, passes through `max`
            raise ValueError("a vector holds a number that is not finite; encode its text again")
        total, dim = matrix.shape
        if total <= max(flat_up_to, 2**_ROUGH_BITS - 1):
            flat = faiss.IndexFlatIP(dim)
            flat.add(matrix)
            return cls(flat)

        lists = lists_for(total)
        rough = faiss.IndexIVFPQFastScan(
            faiss.IndexFlatIP(dim),
            dim,
            lists,
            dim // _group(dim),
            _ROUGH_BITS,
            faiss.METRIC_INNER_PRODUCT,
            _ROUGH_BLOCK,
        )
        rough.by_residual = True
        rough.cp.seed, rough.cp.niter = seed, _ROUNDS
        rough.cp.min_points_per_centroid = rough.pq.cp.min_points_per_centroid = 1  # no warnings
        sampled = min(total, lists * _SAMPLE_PER_LIST)
        progress(f"{lists} lists are made from {sampled} of {total} vectors")
        chosen = np.random.default_rng(seed).choice(total, sampled, replace=False, shuffle=False)
        rough.train(matrix[np.sort(chosen)])
        well = faiss.IndexScalarQuantizer(
            dim, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
        )
        well.train(np.stack([matrix.min(axis=0), matrix.max(axis=0)]))
        for start in range(0, total, _ADDED_AT_ONCE):
            rough.add(matrix[start : start + _ADDED_AT_ONCE])
            well.add(matrix[start : start + _ADDED_AT_ONCE])
            progress(f"{rough.ntotal} of {total} vectors added")
        return cls(faiss.IndexRefine(rough, well))  # which holds on to both

    def __len__(self) -> int:
        return int(self.index.ntotal)

    @property
    def dim(self) -> int:
        """Numbers per vector."""
        return int(self.index.d)

    @property
    def kind(self) -> Literal["flat", "ivf"]:
        """Whether every vector is compared, or those of the nearest lists."""
        return "flat" if isinstance(self.index, faiss.IndexFlatIP) else "ivf"

    def selection(self, rows: NDArray[np.intp]) -> Selection:
        """Prepare the rows that may be found, given in any order.

        In an inverted file few allowed rows lie scattered over all lists, so up to `COPIED_UP_TO`
        of them are copied out, at 4 * dim bytes and some 5 µs each, and compared one by one.

        Raises:
            ValueError: A row that there is not.
        """
        self._check(rows)
        mask = np.zeros(len(self), dtype=bool)
        mask[rows] = True
        distinct = np.flatnonzero(mask)
        if self.kind == "flat":
            return Selection(distinct, self, faiss.IDSelectorArray(distinct), None)
        if len(distinct) > COPIED_UP_TO:
            bits = np.packbits(mask, bitorder="little")
            allowed = faiss.IDSelectorBitmap(bits)  # type: ignore[call-arg, arg-type]
            return Selection(distinct, self, allowed, None)
        copied = faiss.IndexFlatIP(self.dim)
        copied.add(self._from_bytes(distinct))
        return Selection(distinct, self, None, copied)

    def nearest(
        self,
        vector: NDArray[np.float32],
        n: int,
        allowed: Selection | NDArray[np.intp] | None = None,
    ) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """The most similar vectors, best first, equal ones in the order of their rows.

        Args:
            vector: Of length 1, shape (dim,).
            n: How many are wanted. Fewer are found only where fewer are allowed.
            allowed: The rows that may be found, None for all. A `Selection` where the same rows
                are used more than once.

        Returns:
            Rows and their cosines, each of shape (found,). A flat index finds exactly the most
            similar ones, an inverted file most of them: see `READ`. Of up to `COPIED_UP_TO`
            allowed rows it finds exactly those that are most similar by their bytes.
        """
        if isinstance(allowed, np.ndarray):
            allowed = self.selection(allowed)
        if allowed is not None and allowed.among is not self:
            raise ValueError("the selection was prepared for other vectors; prepare it anew")
        count = len(self) if allowed is None else len(allowed.rows)
        wanted = min(n, count)
        if wanted <= 0:
            return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.float32)
        query = np.ascontiguousarray(vector, dtype=np.float32).reshape(1, -1)
        if allowed is not None and allowed.copied is not None:
            cosines, places = allowed.copied.search(query, wanted)
            rows = allowed.rows[places]
        elif self.kind == "flat":
            parameters = None
            if allowed is not None:
                parameters = faiss.SearchParameters(sel=allowed.allowed)  # type: ignore[call-arg]
            cosines, rows = self.index.search(query, wanted, params=parameters)
        else:
            cosines, rows = self._probe(query, wanted, count, allowed)
        order = np.lexsort((rows[0], -cosines[0]))
        return rows[0][order].astype(np.intp, copy=False), cosines[0][order]

    def _probe(
        self, query: NDArray[np.float32], wanted: int, count: int, allowed: Selection | None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """`wanted` of the `count` allowed rows from the lists nearest to the query: (1, wanted)."""
        rough: Any = faiss.downcast_index(self.index.base_index)
        lists = int(rough.nlist)
        # Of a tenth of the rows, as many lie in ten times the lists.
        read = max(READ, len(self) / 10)
        probed = min(lists, math.ceil(lists * read / count))
        refined = min(count, max(REFINED, 2 * wanted))
        selector = {} if allowed is None else {"sel": allowed.allowed}
        while True:
            lists_read = faiss.SearchParametersIVF(  # type: ignore[call-arg]
                nprobe=probed, **selector
            )
            parameters = faiss.IndexRefineSearchParameters(  # type: ignore[call-arg]
                k_factor=refined / wanted, base_index_params=lists_read
            )
            cosines, rows = self.index.search(query, wanted, params=parameters)
            if rows[0, -1] >= 0 or probed == lists:  # -1 stands where nothing was left to find
                return cosines, rows
            probed = min(lists, 4 * probed)

    def cosines(self, vector: NDArray[np.float32], rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """Similarity of a unit vector, shape (dim,), to rows in any order: (len(rows),), -1 to 1.

        Raises:
            ValueError: A row that there is not.
        """
        self._check(rows)
        query = np.ascontiguousarray(vector, dtype=np.float32)
        if query.shape != (self.dim,):
            raise ValueError(f"a vector of {self.dim} numbers is needed, not shape {query.shape}")
        labels = np.ascontiguousarray(rows, dtype=np.int64)
        found = np.empty(len(labels), dtype=np.float32)
        if not len(labels):  # which FAISS refuses
            return found
        # Waking another thread for one question takes longer than the products, ten times as long
        # when the cores are busy. The number is the calling thread's own.
        threads = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1)
        try:
            if self.kind == "ivf":
                np.matmul(self._from_bytes(labels), query, out=found)
            else:
                # Not `search`: its heap takes longer than the products when every row is asked for.
                self.index.compute_distance_subset(
                    1,
                    faiss.swig_ptr(query),
                    len(labels),
                    faiss.swig_ptr(found),
                    faiss.swig_ptr(labels),
                )
        finally:
            faiss.omp_set_num_threads(threads)
        return found

    def serialize(self) -> bytes:
        """The index as FAISS writes it. Without a checksum: `releases` adds one."""
        return bytes(faiss.serialize_index(self.index))

    @classmethod
    def deserialize(cls, content: bytes) -> Vectors:
        """What `serialize` gave. Damage may go unnoticed here; compare a checksum before.

        Raises:
            ValueError: Not an index, or of a kind that is not made here.
        """
        try:
            index = faiss.deserialize_index(np.frombuffer(content, dtype=np.uint8))
        except RuntimeError as error:
            raise ValueError(f"not an index that FAISS can read: {error}") from error
        kinds = [type(index)]
        if isinstance(index, faiss.IndexRefine):
            halves = index.base_index, index.refine_index
            kinds += [type(faiss.downcast_index(half)) for half in halves]
        if kinds not in ([faiss.IndexFlatIP], _INVERTED):
            made = " of ".join(kind.__name__ for kind in kinds)
            raise ValueError(f"an index of kind {made} is not one of ours")
        return cls(index)

    def _from_bytes(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """Rows of an inverted file by their bytes, shape (len(rows), dim)."""
        well: Any = faiss.downcast_index(self.index.refine_index)
        # All rows in one call: `reconstruct_batch` prepares its decoder anew for each.
        codes = faiss.rev_swig_ptr(well.codes.data(), len(self) * self.dim)
        found: NDArray[np.float32] = well.sa_decode(codes.reshape(len(self), self.dim)[rows])
        return found

    def _check(self, rows: NDArray[np.intp]) -> None:
        """FAISS reads foreign memory for a row that there is not."""
        if len(rows) and not 0 <= rows.min() <= rows.max() < len(self):
            raise ValueError(f"rows must be between 0 and {len(self) - 1}")


def lists_for(total: int) -> int:
    """How many lists so many vectors, one at least, are kept in: about 4 * sqrt(total).

    More lists are shorter, and take longer to choose among. A power of two, 4096 at a million; or
    fewer, since a centroid is the mean of some 39 vectors or says little.
    """
    wanted: int = 2 ** round(math.log2(4 * math.sqrt(total)))
    return max(1, min(wanted, total // 39))


def _group(dim: int) -> int:
    """How many numbers four bits stand for: three, as measured at 384, or a smaller divisor.

    At a million, four found .972 of the ten nearest in 1.6 ms, three .976 in 1.8 (see `READ`).
    """
    return next(numbers for numbers in (3, 2, 1) if dim % numbers == 0)
