"""${{ values.name }}, a service of the team ${{ values.team }}."""

NAME = "${{ values.name }}"
TEAM = "${{ values.team }}"
