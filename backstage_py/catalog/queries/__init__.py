"""Queries as clients ask them, answered with stored JSON texts.

``pages`` has first and further pages, predicates and projections; ``cursors`` hold a query and a position;
``model_description`` tells programs what can be asked for.

It promises that a cursor from a client is checked like any other input. SQL does not belong here (``storage``).
"""
