"""PostgreSQL behind ``Database``: threads with a connection each, and the one that watches over them.

``connecting`` opens connections and finds out whether a pooler stands before the server, ``session`` is a connection
that a thread holds on to, ``threads`` run what stores ask for, ``watch`` looks whether the server answers when
something takes long, and cuts connections that will never answer.
"""
