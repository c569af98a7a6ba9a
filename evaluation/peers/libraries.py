"""Other libraries, used as their documentation shows it first.

Run by `evaluation.peers.compare` with the interpreter of an environment that holds
`requirements.txt`; so it imports nothing of ours. `libraries.py REQUEST REPLY`.

Every library gets a document as one text, the title on its first line, and gives ten documents
back: where it cuts documents into pieces, a document stands where its best piece stands.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("HAYSTACK_TELEMETRY_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

FIRST = 10  # documents that count
PIECES = 50  # that are asked for, so that ten documents are among them

Search = Callable[[str], Iterable[str]]  # a question to documents' ids, best first


def langchain(texts: Mapping[str, str], model: str) -> Search:
    """Pieces of 1,000 characters with 200 in common, FAISS, MiniLM."""
    from langchain_community.vectorstores import FAISS
    from langchain_core.documents import Document
    from langchain_huggingface import HuggingFaceEmbeddings
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200)
    pieces = splitter.split_documents(
        [Document(page_content=text, metadata={"id": name}) for name, text in texts.items()]
    )
    store = FAISS.from_documents(
        pieces, HuggingFaceEmbeddings(model_name=model, model_kwargs={"device": "cpu"})
    )

    def search(question: str) -> Iterable[str]:
        return (one.metadata["id"] for one in store.similarity_search(question, k=PIECES))

    return search


def txtai(texts: Mapping[str, str], model: str) -> Search:
    """Whole documents, BM25 and MiniLM half each."""
    from txtai import Embeddings

    embeddings = Embeddings(path=model, hybrid=True, content=True, gpu=False)
    embeddings.index(list(texts.items()))

    def search(question: str) -> Iterable[str]:
        return (one["id"] for one in embeddings.search(question, FIRST))

    return search


def haystack(texts: Mapping[str, str], model: str) -> Search:
    """Pieces of 200 words, BM25 and MiniLM joined by reciprocal rank."""
    from haystack import Document, Pipeline
    from haystack.components.joiners import DocumentJoiner
    from haystack.components.preprocessors import DocumentSplitter
    from haystack.components.retrievers.in_memory import (
        InMemoryBM25Retriever,
        InMemoryEmbeddingRetriever,
    )
    from haystack.document_stores.in_memory import InMemoryDocumentStore
    from haystack.utils import ComponentDevice
    from haystack_integrations.components.embedders.sentence_transformers import (
        SentenceTransformersDocumentEmbedder,
        SentenceTransformersTextEmbedder,
    )

    cpu = ComponentDevice.from_str("cpu")
    store = InMemoryDocumentStore()
    splitter = DocumentSplitter()
    embedder = SentenceTransformersDocumentEmbedder(model=model, device=cpu, progress_bar=False)
    for part in (splitter, embedder):
        if hasattr(part, "warm_up"):
            part.warm_up()
    pieces = splitter.run(
        documents=[Document(content=text, meta={"name": name}) for name, text in texts.items()]
    )["documents"]
    store.write_documents(embedder.run(documents=pieces)["documents"])

    pipeline = Pipeline()
    pipeline.add_component(
        "embedder", SentenceTransformersTextEmbedder(model=model, device=cpu, progress_bar=False)
    )
    pipeline.add_component("meaning", InMemoryEmbeddingRetriever(store, top_k=PIECES))
    pipeline.add_component("words", InMemoryBM25Retriever(store, top_k=PIECES))
    pipeline.add_component("joiner", DocumentJoiner(join_mode="reciprocal_rank_fusion"))
    pipeline.connect("embedder.embedding", "meaning.query_embedding")
    pipeline.connect("words", "joiner")
    pipeline.connect("meaning", "joiner")

    def search(question: str) -> Iterable[str]:
        found = pipeline.run({"embedder": {"text": question}, "words": {"query": question}})
        return (one.meta["name"] for one in found["joiner"]["documents"])

    return search


# What each is called in the table, how it is made, and the packages whose versions count.
LIBRARIES: dict[str, tuple[Callable[[Mapping[str, str], str], Search], tuple[str, ...]]] = {
    "LangChain": (
        langchain,
        ("langchain-community", "langchain-text-splitters", "langchain-huggingface"),
    ),
    "txtai hybrid": (txtai, ("txtai",)),
    "Haystack hybrid": (haystack, ("haystack-ai", "sentence-transformers-haystack")),
}


def measure(
    make: Callable[[Mapping[str, str], str], Search],
    texts: Mapping[str, str],
    questions: Mapping[str, str],
    model: str,
) -> dict[str, Any]:
    """Build a system and put every question to it, one after the other."""
    # Importing takes longer than building; the first of everything is not what is measured.
    list(make(dict(list(texts.items())[:3]), model)("what is loaded late is loaded now"))
    began = time.perf_counter()
    search = make(texts, model)
    build_seconds = time.perf_counter() - began
    list(search("and the pipeline is warm"))
    ranked, taken = {}, []
    for name, text in questions.items():
        began = time.perf_counter()
        ranked[name] = list(dict.fromkeys(search(text)))[:FIRST]
        taken.append(1000 * (time.perf_counter() - began))
    return {
        "ranked": ranked,
        "build_seconds": build_seconds,
        "ms_p50": statistics.median(taken),
    }


def main() -> None:
    request = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    make, packages = LIBRARIES[request["system"]]
    result = measure(make, request["texts"], request["questions"], request["model"])
    packages = (*packages, "sentence-transformers", "transformers", "torch")
    reply = {
        "results": {request["system"]: result},
        "versions": {package: version(package) for package in packages},
    }
    Path(sys.argv[2]).write_text(json.dumps(reply), "utf-8")


if __name__ == "__main__":
    main()
