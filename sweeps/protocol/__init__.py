"""What agent and controller say to each other, and in which words; each is written once, here.

- `live`: what Redis carries (queue names, leases, free slots, stop orders) and its Lua scripts.
- `client`: the HTTP calls that agents and the command line make to the server.
- `chunks`: the columnar format of history, which agents make and everyone after passes on.
"""
