"""The platform's report for people: ``text`` for a terminal, ``page`` as one file of HTML with its charts as SVG.

Each is a function from the answer of ``GET /api/backstage-py/v1/metrics/platform``; nothing is asked, measured or
decided here. ``words`` says a number in words, ``charts`` draws with the pieces of ``axes`` and ``svg``. The page loads
nothing and runs nothing, and what others named (services, teams, templates) becomes text, never markup.
"""
