"""A question in, an Answer, a Clarify or an Abstention out.

Articles (`articles`) are cut into passages (`passages`), encoded (`encoder`), kept in a release
on disk (`index`), ranked (`ranking`) and judged (`decision`). `knowledge_base` is the door the
action server uses; `python -m retrieval` builds and measures.
"""
