"""What the page of ``backstage-py dev`` asks for: the templates of a folder, runs of them, and their test cases.

Everything is an author's command by another door: findings are those of ``validate``, runs those of ``dry-run``,
cases those of ``test``, and nothing runs that is not trusted. A template is named by its path below the folder, and
only those that the folder holds are known; a case is recorded beside its template and nowhere else. Requests of other
sites, and for names that are not this machine's, are refused (``backstage_py.http.loopback``).
"""
