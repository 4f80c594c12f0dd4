"""People for the `wandb` client: users, entities (teams), projects, what the server can do."""
