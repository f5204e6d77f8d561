"""The measurement: workloads, what must run after each edit, and the conditions that are compared."""
