"""The methods that values have in templates: closed tables by kind of value, never attributes of Python objects.

``table.find`` is the only door. A method takes the runtime state, its receiver and its arguments, all of them values
of the model without functions, and returns a value.
"""
