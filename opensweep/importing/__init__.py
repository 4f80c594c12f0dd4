"""Runs of other trackers, read from their files and written as run folders of our own.

    found.py         what every reader gives: a run, and its items in order
    wandb_file.py    W&B's run folders (the .wandb file of an offline or a synced run)
    tensorboard.py   TensorBoard's event files
    mlflow.py        MLflow's file store, and its SQLite database
    protobuf.py      the wire format of protocol buffers, as far as the first two need it
    folder.py        a found run -> a run folder

From a server, a project at a time:

    wandb_server.py     a W&B server's GraphQL and files
    wandb_project.py    its runs, as found runs
    wandb_artifacts.py  its artifacts, brought to our server
    wandb_import.py     all of a project, in order, and what is here already

No package of the other tracker has to be installed. The folders are sent by what `sweep sync` sends
them with. Used by commands/import_runs.py and import_wandb.py.
"""
