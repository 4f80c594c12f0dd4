"""The door of the real `wandb` client: GraphQL, file_stream, uploads and downloads.

It translates, and keeps no truth of its own: what comes in here is recorded in the same store, by
the same rules, as what our own agent and logger send, and is read from there. graphql.py runs
the documents over the schema in schema/; each room answers for one subject: people, runs, streams
(what comes in while a script runs), files, artifacts, sweeps. Neighbours:
controller/server (the HTTP application around it), controller/record.py (decisions on trials).
"""
