"""What people browse: the queries behind the pages.

Access is that of the machine addresses: the same gate decides, and what one may not see looks like what does not exist.
"""
