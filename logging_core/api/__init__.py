"""Reading back what runs recorded: `opensweep.Api()`, with the standard library alone.

Talks to the server over HTTP and never to a run folder; loaded only when somebody asks. http.py
finds and asks the server, client.py is the way in, the others are what comes back.
"""
