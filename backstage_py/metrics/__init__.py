"""What can be counted and timed: instruments that cost nothing until somebody collects them.

What lives here:

- ``instruments``: counters, gauges, histograms and summaries, with labels whose values are bounded in number.
- ``scaffolder``, ``catalog``, ``process``, ``shared``: every instrument there is, of which
  ``docs/operators/metrics.md`` is made.
- ``collecting``: keeps what instruments are told, by ``prometheus-client``, for the processes of one service.
- ``files``: adds up what those processes counted.
- ``exposition``: the text that a scrape gets.

It promises that a room may use an instrument wherever it runs: in a command of an author nobody collects, nothing is
imported and nothing is kept. What instruments know of a process, its worker processes know, too; what they know of the
database (``shared``) is the same whichever replica is asked.

What is measured is decided by those who measure. No instrument has a label whose values a caller can invent.
"""
