"""Acme's extensions of the scaffolder: ``tickets`` has actions, ``templating`` filters and globals."""
