"""The scaffolder and the catalog for agents, over the Model Context Protocol.

``tools`` says what an agent may do and is plain: each tool calls the HTTP API with the caller's own token, so that an
agent may do what its user may do and nothing else. ``server`` speaks the protocol with the official package ``mcp``,
which is an extra (``backstage-py[mcp]``) and imported when first used; ``callers`` reaches the API, within
this process or over HTTP. What an operation means is decided behind the API, not here.
"""
