"""Files as the public collections keep them, and what is said of broken ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from retrieval.corpus import read_corpus, read_qrels, read_queries
from retrieval.encoder import HashingEncoder
from retrieval.errors import CorpusRefused
from retrieval.index import Index
from retrieval.ranking import search

Make = Callable[[str], Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def make(content: str) -> Path:
        file = tmp_path / "file"
        file.write_text(content, "utf-8")
        return file

    return make


def test_a_document_becomes_an_article_of_one_section(make: Make) -> None:
    file = make('{"id": "t1", "title": "Reset", "text": "Hold it."}\n\n{"id": 7, "text": "B"}\n')
    first, second = read_corpus(file)

    assert (first.id, first.title, first.sections[0].text) == ("t1", "Reset", "Hold it.")
    assert (second.id, second.title, second.path) == ("7", "", "file:3")
    assert (first.products, first.audience) == (("all",), "customer")
    index = Index.build([first, second], HashingEncoder())
    assert search(index, HashingEncoder(), "how to hold it")[0].article_id == "t1"


def test_beir_writes_ids_otherwise(make: Make) -> None:
    corpus = make('{"_id": "d1", "title": "", "text": "A", "metadata": {}}\n')
    assert [one.id for one in read_corpus(corpus)] == ["d1"]
    assert read_queries(make('{"_id": "q1", "text": "why"}\n')) == {"q1": "why"}


def test_a_byte_order_mark_and_windows_line_ends_are_no_fault(tmp_path: Path) -> None:
    file = tmp_path / "queries.jsonl"
    file.write_bytes(
        '\ufeff{"id": "q1", "text": "größe"}\r\n{"id": "q2", "text": "b"}\r\n'.encode()
    )

    assert read_queries(file) == {"q1": "größe", "q2": "b"}


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\u0085"])
def test_a_line_ends_where_json_lines_end(make: Make, mark: str) -> None:
    """Unicode knows more ends of a line, and collections have them inside of texts."""
    row = {"id": "d1", "title": "", "text": f"one{mark}two"}
    (article,) = read_corpus(make(json.dumps(row, ensure_ascii=False) + "\n"))

    assert article.sections[0].text == f"one{mark}two"


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("{", "is not JSON"),
        ("[1]", "is not a JSON object"),
        ('{"text": "a"}', "`id` is missing or not text"),
        ('{"id": "", "text": "a"}', "`id` is missing or not text"),
        ('{"id": true, "text": "a"}', "`id` is missing or not text"),
        ('{"id": "a", "text": 1}', "`text` is missing or not text"),
        ('{"id": "a", "title": [], "text": "b"}', "`title` is missing or not text"),
        ('{"id": "a", "title": " ", "text": ""}', "the document `a` says nothing"),
        ('{"id": "d0", "text": "b"}', "the id `d0` comes a second time"),
    ],
)
def test_a_broken_document_is_named_with_its_line(make: Make, line: str, what: str) -> None:
    file = make(f'{{"id": "d0", "text": "fine"}}\n\n{line}\n')
    with pytest.raises(CorpusRefused) as refused:
        read_corpus(file)

    assert str(refused.value).startswith(f"{file}:3: {what}")
    assert (refused.value.file, refused.value.line) == (file, 3)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('{"id": "q2"}', "`text` is missing or not text"),
        ('{"id": "q2", "text": " "}', "`text` is missing or not text"),
        ('{"id": "q1", "text": "again"}', "the id `q1` comes a second time"),
        ("how do I", "is not JSON"),
    ],
)
def test_a_broken_question_is_named_with_its_line(make: Make, line: str, what: str) -> None:
    file = make(f'{{"id": "q1", "text": "fine"}}\n{line}')
    with pytest.raises(CorpusRefused, match=what) as refused:
        read_queries(file)
    assert refused.value.line == 2


@pytest.mark.parametrize("read", [read_corpus, read_queries, read_qrels])
def test_a_file_without_anything_is_refused(
    make: Make, tmp_path: Path, read: Callable[[Path], object]
) -> None:
    with pytest.raises(CorpusRefused, match="there is no"):
        read(make("\n \n"))
    with pytest.raises(CorpusRefused, match="cannot be read"):
        read(tmp_path / "none")
    (tmp_path / "latin").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(CorpusRefused, match="cannot be read"):
        read(tmp_path / "latin")


EXPECTED = {"q1": frozenset({"d1", "d2"}), "q2": frozenset({"d3"})}


@pytest.mark.parametrize(
    "content",
    [
        "q1\td1\t1\nq1\td2\t2\nq1\td4\t0\nq2\td3\t1.0\n",
        "query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td2\t1\nq2\td3\t1\n",  # BEIR's heading
        "q1\t0\td1\t1\nq1\t0\td2\t1\nq2\t0\td3\t1\nq2\t0\td5\t0\n",  # TREC's second column
        "q1 0 d1 1\nq1 Q0 d2 1\nq2 0 d3 1\nq3 0 d1 -1\n",  # parted by blanks, as TREC's own are
    ],
)
def test_answers_in_every_usual_form(make: Make, content: str) -> None:
    assert read_qrels(make(content)) == EXPECTED


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("q1\td1\t1\nq1\td2\n", 2),
        ("q1\td1\t1\nq1\td2\tyes\n", 2),
        ("q1\td1\t1\nquery\tcorpus\tscore\n", 2),  # a heading is the first line or none
        ("q1\td1\nq1\td2\t1\n", 1),  # no heading either: a column is missing
        ("q1,d1,1\n", 1),
    ],
)
def test_broken_answers_are_named_with_their_line(make: Make, content: str, line: int) -> None:
    with pytest.raises(CorpusRefused, match="question, document and grade") as refused:
        read_qrels(make(content))
    assert refused.value.line == line
