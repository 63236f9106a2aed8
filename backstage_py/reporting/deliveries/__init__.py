"""Deliveries of webhooks as events of the platform, a module for each host: ``events(kind, payload)``.

Each is pure, takes what the host documents, and answers nothing for what it does not know. Only proven deliveries are
asked about. A delivery is not trusted beyond its form: members that are no texts, numbers or moments are no events.
"""
