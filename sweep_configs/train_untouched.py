"""Written for W&B, and run as it is: provide_wandb.yaml.

sweep run provide_wandb.yaml
"""

import wandb
from bundled_data import load
from small_network import Network


def train() -> None:
    wandb.login()
    run = wandb.init(project="breast-cancer", config={"learning_rate": 0.01, "epochs": 5})
    data = load("breast_cancer")
    network = Network((30, 16, 2), lr=wandb.config.learning_rate)
    for _ in range(wandb.config.epochs):
        network.train_epoch(data.x_train, data.y_train, batch_size=32)
        wandb.log({"val/loss": network.loss(data.x_val, data.y_val)})
    table = wandb.Table(columns=["label"], data=[[int(label)] for label in data.y_val[:5]])
    run.log({"labels": table})
    wandb.finish()


if __name__ == "__main__":
    train()
