"""What the `wandb` client streams while a script runs: file_stream.py is the way in."""
