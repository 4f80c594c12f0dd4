"""Runs for the `wandb` client: who they are and how they are recorded (buckets.py, writers.py),
what is read of them (fields.py, history.py), and how they end."""
