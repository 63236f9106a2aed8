"""Pure data, no I/O: entities, references, templates, forms, tasks, filters, YAML with positions, JSON, schemas.

Everything above imports from here; nothing here reads a file, a clock or the network. What is parsed here once is
trusted as its type everywhere else.
"""
