"""Written for W&B: only the import is another one.

python train_wandb.py
"""

from bundled_data import load
from small_network import Network

import opensweep as wandb  # was: import wandb


def train() -> None:
    with wandb.init(project="breast-cancer", config={"learning_rate": 0.01, "hidden": 16}):
        wandb.define_metric("epoch")
        wandb.define_metric("val/*", step_metric="epoch")
        wandb.define_metric("val/loss", summary="min")

        data = load("breast_cancer")
        network = Network((30, wandb.config.hidden, 2), lr=wandb.config["learning_rate"])
        for epoch in range(10):
            train_loss = network.train_epoch(data.x_train, data.y_train, batch_size=32)
            wandb.log({"epoch": epoch, "train/loss": train_loss}, commit=False)
            wandb.log(
                {
                    "val/loss": network.loss(data.x_val, data.y_val),
                    "val/accuracy": network.accuracy(data.x_val, data.y_val),
                }
            )
        wandb.run.summary["parameters"] = sum(weight.size for weight in network.weights)


if __name__ == "__main__":
    train()
