"""Manuals, pages, exports and tables made into articles.

`sources` finds the files, `conversion` (with `from_html` and `from_pdf`, in a `process` of its own)
reads them into `blocks`, `cutting` makes articles of those, `importer` writes what the loader
accepts, and `report` says what became of everything.
"""
