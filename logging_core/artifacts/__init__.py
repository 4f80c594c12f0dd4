"""Artifacts: versioned files and folders, kept by content.

artifact.py is what a script holds; drafts.py puts one into the run folder, from where the agent
sends it; manifest.py, names.py and bundles.py are pure and used by the server, too; staging.py,
cache.py and references.py move bytes; source.py is where committed ones are asked for. Standard
library only.
"""
