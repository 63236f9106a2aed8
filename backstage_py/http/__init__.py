"""The HTTP face: what a Backstage client sees on the wire, and nothing else.

One module per API face (``scaffolder``, ``catalog``, ``auth``, ``permission``, ``health``), each offering
``routes(...) -> list[Route]`` with paths relative to the plugin; ``plugin_mount`` puts them below ``/api/<plugin>``
with sign-in and error bodies as Backstage's framework has them. The remaining modules are that framework: answers
(``respond``), bodies (``body``), the checks of the OpenAPI document (``openapi``), errors, CORS, compression,
headers, access log. All middlewares are plain ASGI. A face parses, calls a service, and answers; it decides nothing.
"""
