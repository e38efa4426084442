"""Directories (LDAP and Active Directory): what they are, who they let in, and what is kept equal with them."""
