"""The kinds of git hosts whose providers are compared."""

from tests.git_hosts import bitbucket_worlds, gitlab_world, smaller_worlds

KINDS = (
    gitlab_world.KIND,
    bitbucket_worlds.CLOUD,
    bitbucket_worlds.SERVER,
    smaller_worlds.GITEA,
    smaller_worlds.GERRIT,
    smaller_worlds.AZURE,
)
