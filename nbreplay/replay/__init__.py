"""Cell runs: record them, find the one that holds now, bring its effects back, and say why.

``engine`` is what a kernel talks to. ``lineage`` knows the recorded runs, ``match`` compares one with the present,
``start`` finds the boundary to begin from, ``commit`` writes a run, ``explain`` puts differences into words.
"""
