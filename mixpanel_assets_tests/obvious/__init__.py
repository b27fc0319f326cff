"""Mixpanel's reports once more: slow, plain, and written from its documents alone.

What answers quickly, the simulator or a local question, is compared with these. They take plain
events and know neither. Where the documents leave a choice, the docstring of the module says so.
"""
