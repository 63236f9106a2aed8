"""The catalog at rest.

In the order in which an entity passes: ``locations`` and ``claims`` name it, ``refresh_store`` holds what is to be
processed and what came of it, ``stitch_store`` its final form, ``search_index`` how it is found; readers ask
``entities`` and ``entity_pages``. ``removal`` takes entities out again.

Each function of a store is one transaction. Which entity is to be kept, or how it is processed, is decided elsewhere.
"""
