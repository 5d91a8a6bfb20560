"""Reports for operations, clients and regulators: what to say in `model`, how to show it in the renderers.

A report is a pure function of records as of a moment: the same records give the same bytes, on every machine.
"""
