"""What a platform is measured by: facts that outlive tasks and deliveries, and what of other tables they are made of.

Here lives the table of platform events with its store, and the reading of tasks and entities that reports need. An
event is there once, whoever records it and however often; it is kept as long as the settings say. What the events mean
does not belong here.
"""
