"""Test cases of templates: ``*.test.yaml`` files, and how a run is compared with what a case expects."""
