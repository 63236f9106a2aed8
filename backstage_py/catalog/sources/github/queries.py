"""What GitHub is asked about repositories, as its GraphQL schema has it."""

_REPOSITORY = """
  name
  catalogInfoFile: object(expression: $catalogPathRef) {
    __typename
    ... on Blob { id text }
  }
  url
  isArchived
  isFork
  visibility
  repositoryTopics(first: 100) {
    nodes { ... on RepositoryTopic { topic { name } } }
  }
  defaultBranchRef { name }
"""

REPOSITORIES = f"""
query repositories($org: String!, $catalogPathRef: String!, $cursor: String, $repositoriesPageSize: Int!) {{
  repositoryOwner(login: $org) {{
    login
    repositories(first: $repositoriesPageSize, after: $cursor) {{
      nodes {{ {_REPOSITORY} }}
      pageInfo {{ hasNextPage endCursor }}
    }}
  }}
}}
"""

REPOSITORY = f"""
query repository($org: String!, $repoName: String!, $catalogPathRef: String!) {{
  repositoryOwner(login: $org) {{
    repository(name: $repoName) {{ {_REPOSITORY} }}
  }}
}}
"""

_PERSON = "avatarUrl bio email id login name organizationVerifiedDomainEmails(login: $org)"
_TEAM = "slug combinedSlug name description avatarUrl editTeamUrl parentTeam { slug }"
_MEMBERS = f"""
  members(first: $membersPageSize, membership: IMMEDIATE) {{
    pageInfo {{ hasNextPage }}
    nodes {{ {_PERSON} }}
  }}
"""


def users(*, with_suspended: bool) -> str:
    """Return the query for the members of an organisation, with when each was suspended on GitHub Enterprise."""
    suspended = "suspendedAt" if with_suspended else ""
    return f"""
query users($org: String!, $email: Boolean!, $cursor: String, $organizationMembersPageSize: Int!) {{
  organization(login: $org) {{
    membersWithRole(first: $organizationMembersPageSize, after: $cursor) {{
      pageInfo {{ hasNextPage endCursor }}
      nodes {{
        avatarUrl bio email @include(if: $email) id login name {suspended}
        organizationVerifiedDomainEmails(login: $org)
      }}
    }}
  }}
}}
"""


TEAMS = f"""
query teams($org: String!, $cursor: String, $teamsPageSize: Int!, $membersPageSize: Int!) {{
  organization(login: $org) {{
    teams(first: $teamsPageSize, after: $cursor) {{
      pageInfo {{ hasNextPage endCursor }}
      nodes {{ {_TEAM} {_MEMBERS} }}
    }}
  }}
}}
"""

TEAM_MEMBERS = """
query members($org: String!, $teamSlug: String!, $cursor: String, $membersPageSize: Int!) {
  organization(login: $org) {
    team(slug: $teamSlug) {
      members(first: $membersPageSize, after: $cursor, membership: IMMEDIATE) {
        pageInfo { hasNextPage endCursor }
        nodes { login }
      }
    }
  }
}
"""
