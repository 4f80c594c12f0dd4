"""Runs of other trackers, read from their files and written as run folders of our own.

    found.py         what every reader gives: a run, and its items in order
    wandb_file.py    W&B's run folders (the .wandb file of an offline or a synced run)
    tensorboard.py   TensorBoard's event files
    mlflow.py        MLflow's file store, and its SQLite database
    protobuf.py      the wire format of protocol buffers, as far as the first two need it
    folder.py        a found run -> a run folder

Nothing here talks to a server: `sweep sync` does that with the folders. No package of the other
tracker has to be installed. Used by commands/import_runs.py alone.
"""
