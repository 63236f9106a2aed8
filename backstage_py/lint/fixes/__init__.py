"""How findings are mended: changes of a text as small as the mistake, so that comments and layout stay to the byte.

The pipeline: a rule attaches a ``repair`` (what to change, in terms of the document) -> ``resolve`` (which characters
of the text that is, tried on the text: it must hold what was meant, and nothing else may differ) -> ``rounds`` (all
that do not overlap, checked again, until nothing is left to mend) -> ``project`` (which files, and what they become).

What it promises:

- A repair that cannot be shown to do just what it says is not made.
- What a mended file holds is mended: another time changes nothing.
- Nothing is written here; whoever presents the result writes it.
"""
