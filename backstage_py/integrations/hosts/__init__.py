"""How files and trees are read from each kind of git host.

``url_reading`` is what others use; it chooses a host by URL and checks what may be read. ``azure``, ``bitbucket``,
``gerrit``, ``gitea``, ``github`` and ``gitlab`` each know one kind: which API address holds a file, and which archive a
folder.
``scm`` are the hosts that are configured, ``scm_url`` takes URLs apart, ``repositories`` tells which of them are of one
repository and ``reading_rules`` which may be read without a host, ``credentials`` finds tokens, ``archives``
unpacks what ``archive_plan`` accepts.

Each host promises the answers and errors of ``host.Host``. What is done with a file does not belong here.
"""
