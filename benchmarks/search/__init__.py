"""Search and early termination, compared with other tools."""
