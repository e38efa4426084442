"""``make bench``: the numbers that the product promises, measured on this machine.

The real server is driven over loopback beside reference B, a bare WSGI function that answers the same bytes under the
same gunicorn settings.  Machines differ and are shared, so runs of both alternate and the table compares medians.
"""
