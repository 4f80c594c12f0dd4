"""Files of runs for the `wandb` client, and all bytes that go by signed addresses."""
