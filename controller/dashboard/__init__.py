"""The web pages: one shell, our own ES modules, and what they take from npm at build time.

Nothing here reads the database: pages ask the JSON API of controller/server like any other program.
assets.py serves what lies in `static/`, shell.py the one HTML document, with its policy.
"""
