"""Notebooks as files: run without a browser, edited by rule, sent to somebody else and taken in again."""
