"""Artifacts for the `wandb` client: the same that our own logger makes and uses.

A W&B client names files by MD5, we by SHA-256; it lists them in a manifest of its own form, we in
ours. Only ours is kept, and theirs is made of it when it is asked for. Nothing here holds any
truth: versions, drafts, aliases and links are the store's (controller/store/artifacts.py and its
neighbours).

    manifests.py   the two forms of a manifest (pure)
    contents.py    what a version holds: manifests and files, with their addresses
    values.py      the source objects of the GraphQL types
    objects.py     their fields
    finding.py     how they are found and listed; filters.py, registry.py
    making.py      logging a version: create, send, commit
    changing.py    aliases, tags, links, descriptions, removal
"""
