"""The command ``backstage-py``: one module per command, imported when the command is used.

A command reads its arguments, calls one function of the rooms below, and turns the outcome into lines and an exit
status: 0 done, 1 failed, 2 wrong arguments or configuration, 130 interrupted. Errors of ours are printed in plain
words; a traceback means a fault of this program.
"""
