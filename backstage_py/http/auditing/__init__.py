"""Audit events of requests: which call is which event (``events``), and how a route tells of its calls (``routes``).

Names, severities and details are those of Backstage 1.57.1, held by calls that were recorded from it; what Backstage
has no event for is marked as ours. Handlers know nothing of it.
"""
