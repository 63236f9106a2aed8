NAME = "${{ values.name }}"
