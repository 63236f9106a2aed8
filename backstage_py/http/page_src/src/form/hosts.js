// Which kind of git host a name is; a Backstage knows it from its `integrations`, here the name must do.

export function kindOfHost(host = '') {
  if (/(^|\.)github\./.test(host) || host.includes('ghe')) return 'github';
  if (host.includes('gitlab')) return 'gitlab';
  if (host === 'bitbucket.org') return 'bitbucketCloud';
  if (host.includes('bitbucket')) return 'bitbucketServer';
  if (host.includes('azure') || host.endsWith('visualstudio.com')) return 'azure';
  if (host.includes('gerrit')) return 'gerrit';
  if (host.includes('gitea') || host.includes('codeberg')) return 'gitea';
  return 'github';
}

/** The parts that a repository has besides its name: [key, label, option that lists what is allowed]. */
export const PARTS = {
  github: [['owner', 'Owner', 'allowedOwners']],
  gitlab: [['owner', 'Owner (group)', 'allowedOwners']],
  gitea: [['owner', 'Owner', 'allowedOwners']],
  gerrit: [['owner', 'Owner', 'allowedOwners']],
  azure: [
    ['organization', 'Organization', 'allowedOrganizations'],
    ['project', 'Project', 'allowedProjects'],
  ],
  bitbucketCloud: [
    ['workspace', 'Workspace', 'allowedOwners'],
    ['project', 'Project', 'allowedProjects'],
  ],
  bitbucketServer: [['project', 'Project', 'allowedProjects']],
};
