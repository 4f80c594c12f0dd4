"""Reports: markdown with live panels, and the one file that shows a report without a server.

blocks.py reads what people write, panels.py finds what it means, frozen.py and page.py make the
file. Neighbours: controller/store/reports.py (keeps the texts), controller/server/reports_api.py.
"""
