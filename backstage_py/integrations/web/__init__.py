"""HTTP to anywhere, under one policy.

Every request of this project leaves through ``http``; ``addresses`` and ``resolver`` say which machines it may reach,
``rates`` how often it asks a host, and ``kept`` which answers are kept beyond the process.
It promises: the policy is asked again at each redirect, and sizes, times and numbers are bounded.
"""
