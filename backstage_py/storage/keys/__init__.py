"""The keys of an installation: with which it signs tokens, and with which it seals the secrets of tasks.

They are rows of one table, so that all processes of a database have the same ones, whatever machine they are on.

- ``wrapping``: keys of the configuration (or of a file), with which rows are sealed; ``files`` reads and makes files.
- ``ring``: pure: which key is used at a moment, when the next one is due, which ones are done with.
- ``store``: the rows.
- ``chain``: the keys of one purpose as a process knows them: made once for all at the first start, made anew by age,
  known to every process before any of them uses it, dropped when nothing needs it.

A private key is in no log and no error. What is signed or sealed is decided in ``identity`` and ``storage.scaffolder``.
"""
