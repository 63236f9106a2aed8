"""Where a project on this machine begins: relative paths of its templates and test files lead no higher."""

from pathlib import Path

from backstage_py.lint import config


def root_of(path: Path) -> Path:
    """Return the root of the git repository around a file or folder, as Backstage lets URLs of templates lead.

    Without a repository it is the nearest folder with a configuration of ours, or else the file's own. A home folder
    is nobody's project, whatever lies in it.
    """
    real = path.resolve()
    folder = real if real.is_dir() else real.parent
    above = [one for one in (folder, *folder.parents) if one not in (Path.home(), Path(one.anchor))]
    for mark in (".git", config.FILE):
        if found := next((one for one in above if (one / mark).exists()), None):
            return found
    return folder
