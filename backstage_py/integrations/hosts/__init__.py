"""How files and trees are read from each kind of git host; ``backstage_py.integrations.hosts.url_reading`` chooses one.

Each module knows one kind: which API address holds a file, and which archive a folder. It promises the answers and
errors of ``host.Host``; checking what may be read and unpacking archives do not belong here.
"""
