"""Templates and values on an author's machine, for the commands.

- ``template_file``: a template and its file. ``given_values``: values and secrets as the command line gives them.
- ``form``: what the template asks for, its defaults, and whether values fit.
- ``template_runs``: runs it in this process, with the services of ``backstage_py.wiring``.
- ``own_actions`` and ``known_actions``: a project's own actions, and all that a check knows.
- ``trust``: what files of a project may have a command do; ``user_config``: what a user says for all projects;
  ``app_configs``: the app-config of a command.

How services are put together does not belong here.
"""
