"""`wandb sweep` and `wandb agent`: sweeps, agents as slots of our own queue, and their attempts."""
